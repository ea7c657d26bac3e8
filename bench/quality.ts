// One row of the quality table: a method at a ratio, then recovery, at a fixed number of training tokens.
//   node dist/bench/quality.js --model DIR --data DIR --ratio 0.5 [--form transfer] [--saliency reconstruction]
//     [--tokens 400000] [--distill 0] [--seed 0]
// DATA holds a folder for each source. Prints one JSON line. Stages are called directly and no group is protected, so
// that every method has the same quotas; `lorashear-native run` adds the knowledge analysis to the same stages.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadModel } from '../lib/checkpoint/load.js';
import type { KnowledgeArtefact } from '../lib/artefacts.js';
import { type LhspgForm, lhspgForms } from '../lib/config/job.js';
import { parseJob } from '../lib/config/parse_job.js';
import { createContext } from '../lib/context.js';
import { openCorpus } from '../lib/data/corpus.js';
import { createSampler } from '../lib/data/sampler.js';
import { perplexity } from '../lib/evaluate/perplexity.js';
import { distribution } from '../lib/knowledge/distribution.js';
import { lhspg } from '../lib/lhspg/train.js';
import type { Model } from '../lib/models/model.js';
import { discoverGraph, discoverGroups } from '../lib/pipeline/discover.js';
import { allocation } from '../lib/pipeline/allocation.js';
import { pretrainingFeed } from '../lib/recovery/pretraining_feed.js';
import { recover } from '../lib/recovery/recover.js';
import { parseSaliency, specName } from '../lib/saliency/spec.js';
import { loadTokenizer } from '../lib/tokenizer/tokenizer.js';
import type { TokenBatch } from '../lib/train/language_model_loss.js';
import { allAtOnce } from '../lib/train/memory.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    ratio: { type: 'string', default: '0.2' },
    form: { type: 'string', default: 'transfer' },
    saliency: { type: 'string', default: 'reconstruction' },
    tokens: { type: 'string', default: '400000' },
    distill: { type: 'string', default: '0' },
    seed: { type: 'string', default: '0' },
    // layer (alike), global, kind: with a knowledge map, or the saliency's scores, of the same calibration text
    allocation: { type: 'string', default: 'layer' },
    importance: { type: 'string', default: 'knowledge' },
    proxy: { type: 'string', default: 'magnitude' },
    floor: { type: 'string', default: '0.05' },
    share: { type: 'string', default: '0.1' },
    rounds: { type: 'string', default: '1' },
  },
});
const { model: dir, data } = values;
const form = values.form as LhspgForm;
const saliency = parseSaliency(values.saliency);
if (dir === undefined || data === undefined || !lhspgForms.includes(form)) {
  throw new Error(`give --model and --data; forms: ${lhspgForms.join(', ')}`);
}

/** The protocol of algorithm.md §9: windows of 256 tokens, 16 in a step, LoRA r = 8, AdamW at 1e-3. */
const length = 256;
const batch = 16;
const lora = { r: 8, alpha: 16 };
const learningRate = 1e-3;
const periods = 5;
const saveEvery = 1_000_000;
const seed = Number(values.seed);

const ctx = createContext();
const tokenizer = loadTokenizer(dir);
const sources = readdirSync(data).map((name) => ({ name, path: join(data, name) }));
const corpus = await openCorpus(sources, tokenizer, { sequenceLength: length });
const graph = discoverGraph(dir, lora);
const partition = discoverGroups(graph);
const steps = Math.floor(Number(values.tokens) / (batch * length));
const share = Number(values.share);
const pruning = form.startsWith('one-shot') ? 0 : Math.max(periods, Math.round(share * steps));
const state = mkdtempSync(join(tmpdir(), 'lorashear-quality-'));
const start = performance.now();

const measure = (model: Model): Record<string, number> => {
  const { rows, geometricMean } = perplexity(model, corpus.validation, ctx, {
    length,
    windows: 48,
  });
  const bySource = rows.map(({ source, perplexity: value }) => [source, value] as const);
  return { ...Object.fromEntries(bySource), geometricMean };
};

using dense = loadModel(dir);
const sampler = createSampler({ sources: corpus.train, seed });
const calibrator = createSampler({ sources: corpus.train, seed: seed + 4321 });
const calibration = Array.from({ length: 4 }, () => calibrator.next(16));
const job = parseJob({
  model: dir,
  sources: Object.fromEntries(sources.map(({ name, path }) => [name, path])),
  ...{ ratio: Number(values.ratio), seed, sequence_length: length, batch_size: batch },
  lhspg: { saliency: values.saliency },
  cut: {
    allocation: values.allocation as 'layer',
    importance: values.importance as 'knowledge',
    floor: Number(values.floor),
  },
  export: { form: values.allocation === 'layer' ? 'uniform' : 'per-layer' },
});
const knowledge = mapOf(values.allocation === 'layer' ? [] : calibration);
const plan = allocation(ctx, { job, graph, partition, knowledge, calibration });
const totals = new Map(Object.entries(plan.counts));

/** With one width for all layers nothing has to be known of them. */
function mapOf(batches: readonly TokenBatch[]): KnowledgeArtefact {
  const ratios = [0.25, 0.5, 0.75];
  const options = { proxy: parseSaliency(values.proxy), ratios, protectShare: 0, seed };
  return distribution(ctx, dense, partition.groups, batches, options);
}
const { model: compact } = lhspg(
  ctx,
  {
    open: () => loadModel(dir),
    partition,
    totals,
    guarded: new Set(),
    sampler,
    calibration,
    probe: calibration[0] as TokenBatch,
    stateDir: join(state, 'a'),
  },
  {
    form: form.endsWith('transfer') ? 'transfer' : 'paper',
    ...{ saliency, batch, learningRate, lora, seed, saveEvery },
    ...{ epsilon: 0, steps: pruning, warmupSteps: Math.round(0.1 * pruning) },
    ...{ schedule: 'constant', clip: 1, pull: 'linear', memory: allAtOnce },
    periods: pruning === 0 ? 1 : periods,
    rounds: Number(values.rounds),
    restShare: 0.3,
  },
);
const cut = measure(compact);
const feed = pretrainingFeed(ctx, sampler, corpus.validation, { batch, validationWindows: 16 });
recover(
  ctx,
  { model: compact, teacher: dense, feed, dense: feed.validate(dense), stateDir: join(state, 'b') },
  {
    ...{ stage: 'pretraining', rounds: 4, steps: steps - pruning, warmupSteps: 10 },
    ...{ learningRate, lora, eta: 0.3, tolerance: 0, seed: seed + 1, saveEvery },
    distill: Number(values.distill),
    memory: allAtOnce,
  },
);
rmSync(state, { recursive: true, force: true });
const row = {
  ...{
    form,
    saliency: specName(saliency),
    ratio: Number(values.ratio),
    removed: plan.achieved,
    seed,
  },
  ...{ allocation: values.allocation, share, rounds: Number(values.rounds) },
  ...(values.allocation === 'layer'
    ? {}
    : { importance: values.importance, proxy: values.proxy, floor: Number(values.floor) }),
  ...{ tokens: Number(values.tokens), distill: Number(values.distill), dense: measure(dense) },
  ...{ cut, recovered: measure(compact), seconds: (performance.now() - start) / 1000 },
};
process.stdout.write(`${JSON.stringify(row)}\n`);

// One row of the recovery table: a pruned model recovered by stages at a fixed number of training tokens.
//   node dist/bench/recovery.js --model DIR --data DIR --ratio 0.5 [--seed 0] [--stages both] [--mixture degradation]
//     [--tokens 240000] [--share 0.5] [--instructions PATH] [--starts DIR]
// DATA holds a folder for each source; instructions are the folder `instruct` beside it where none are named. Prints one
// JSON line. The pruned start (`prune` with its defaults) is made once for each ratio and seed and kept as a run folder in
// STARTS, with its losses and the dense model's: empty that after a change to pruning or measuring. Rounds are measured on the first windows and instructions of each
// validation split, the row on those after them.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { RecoveryArtefact } from '../lib/artefacts.js';
import type { Job } from '../lib/config/job.js';
import { parseJob } from '../lib/config/parse_job.js';
import { type Context, createContext } from '../lib/context.js';
import type { EvaluationSource } from '../lib/evaluate/perplexity.js';
import { perplexity } from '../lib/evaluate/perplexity.js';
import { budgetOf } from '../lib/pipeline/budget.js';
import { readCorpus } from '../lib/pipeline/read_corpus.js';
import {
  type Instructions,
  readExamples,
  recoverInstruct,
  recoverPretraining,
} from '../lib/pipeline/restore.js';
import { openWorkingModel } from '../lib/pipeline/working_model.js';
import type { MixtureName } from '../lib/recovery/mixtures/index.js';
import { responseLoss } from '../lib/recovery/instruct_feed.js';
import { pruneJob } from '../lib/run.js';
import { writeJson } from '../lib/run_folder/atomic_write.js';
import { openRunFolder } from '../lib/run_folder/run_folder.js';
import { loadTokenizer } from '../lib/tokenizer/tokenizer.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    instructions: { type: 'string' },
    ratio: { type: 'string', default: '0.5' },
    seed: { type: 'string', default: '0' },
    // none: the pruned start itself; text or instruct: all tokens on one stage; both: pretraining text, then instructions
    stages: { type: 'string', default: 'both' },
    mixture: { type: 'string', default: 'degradation' },
    // of recovery; pruning has 80,000 more, the same for every row
    tokens: { type: 'string', default: '240000' },
    // of these on instructions, where there are both stages
    share: { type: 'string', default: '0.5' },
    starts: { type: 'string', default: join(tmpdir(), 'lorashear-recovery-starts') },
  },
});

const instructionShares = { none: 0, text: 0, instruct: 1, both: Number(values.share) } as const;
const stages = values.stages as keyof typeof instructionShares;
if (values.model === undefined || values.data === undefined || !(stages in instructionShares)) {
  throw new Error(`give --model and --data; stages: ${Object.keys(instructionShares).join(', ')}`);
}

/** Of every validation split: windows of a source, and instructions, that rounds are measured on. */
const steering = { windows: 16, instructions: 50 };
/** Windows of each source that the row is measured on. */
const heldOutWindows = 48;

const ctx = createContext();
const begun = performance.now();
const [model, data] = [resolve(values.model), resolve(values.data)];
const [ratio, seed] = [Number(values.ratio), Number(values.seed)];
const given = {
  ...{ model, ratio, seed },
  sources: Object.fromEntries(readdirSync(data).map((name) => [name, join(data, name)])),
};
const start = await prunedStart(ctx, parseJob({ ...given, output: startFolder() }));

const tokens = stages === 'none' ? 0 : Number(values.tokens);
const instructionTokens = Math.round(tokens * instructionShares[stages]);
const textTokens = tokens - instructionTokens;
const job = parseJob({
  ...given,
  instruct: values.instructions ?? join(dirname(data), 'instruct'),
  // equal tokens: nothing ends before its budget does
  recovery: {
    ...{ mixture: values.mixture as MixtureName, tolerance: 0, patience: 1000 },
    validation_windows: steering.windows,
  },
  instruct_tuning: { tokens: Math.max(1, instructionTokens) },
});
const tokenizer = loadTokenizer(model);
const corpus = await readCorpus(ctx, job, tokenizer, start.tokens);
const instructions = await instructionsOf(ctx, job);
const held = {
  texts: corpus.validation.map(({ name, ids }) => ({
    name,
    ids: ids.subarray(steering.windows * job.sequenceLength),
  })),
  instructions: {
    ...instructions,
    validation: instructions.validation.slice(steering.instructions),
  },
};

const work = mkdtempSync(join(tmpdir(), 'lorashear-recovery-'));
const trained: RecoveryArtefact[] = [];
let at = start.model;
try {
  if (textTokens > 0) {
    const budget = budgetOf(job);
    const recovery = Math.floor(textTokens / budget.tokensPerStep);
    const folders = { from: at, dir: join(work, 'text') };
    trained.push(recoverPretraining(ctx, job, corpus, { ...budget, recovery }, folders));
    at = folders.dir;
  }
  if (instructionTokens > 0) {
    const folders = { from: at, dir: join(work, 'instructions') };
    const steered = {
      ...instructions,
      validation: instructions.validation.slice(0, steering.instructions),
    };
    trained.push(recoverInstruct(ctx, job, steered, folders));
    at = folders.dir;
  }
  const losses = {
    ...startLosses(),
    recovered: at === start.model ? startLosses().cut : measured(at),
  };
  const row = {
    ...{ stages, mixture: textTokens > 0 ? values.mixture : null, ratio, seed },
    ...{ removed: start.removed, share: instructionShares[stages] },
    tokens: Object.fromEntries(trained.map((stage) => [stage.stage, stage.tokens])),
    losses,
    recoveredShare: Object.fromEntries(
      Object.entries(losses.cut).map(([name, cut]) => {
        const [dense = NaN, last = NaN] = [losses.dense[name], losses.recovered[name]];
        return [name, (cut - last) / (cut - dense)];
      }),
    ),
    rounds: Object.fromEntries(
      trained.map(({ stage, rounds, bestRound }) => [
        stage,
        { mixtures: rounds.map(({ mixture }) => mixture), bestRound },
      ]),
    ),
    seconds: (performance.now() - begun) / 1000,
  };
  process.stdout.write(`${JSON.stringify(row)}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function startFolder(): string {
  return join(values.starts, `${basename(model)}-${ratio}-${seed}`);
}

interface Start {
  /** Folder of the cut model. */
  readonly model: string;
  /** Folder of the tokenised text. */
  readonly tokens: string;
  /** Share of the parameters that went. */
  readonly removed: number;
}

/** A run folder in which `prune` has ended, now or before. */
async function prunedStart(of: Context, pruning: Job): Promise<Start> {
  const resume = existsSync(join(pruning.output, 'manifest.json'));
  const folder = await openRunFolder(pruning.output, pruning, { resume });
  try {
    const { cut } = await pruneJob(of, pruning, folder);
    const cutModel = folder.checkpointDir('compress');
    return { model: cutModel, tokens: folder.file('tokens'), removed: cut.ratio };
  } finally {
    folder.close();
  }
}

function instructionsOf(of: Context, { instruct, ...rest }: Job): Promise<Instructions> {
  if (instruct === null) throw new Error('give --instructions');
  return readExamples({ ...rest, instruct }, instruct, tokenizer, of);
}

/** Of the dense model and the pruned start: measured by the first row that begins there. */
function startLosses(): Record<'dense' | 'cut', Record<string, number>> {
  const file = join(startFolder(), 'losses.json');
  if (!existsSync(file)) writeJson(file, { dense: measured(model), cut: measured(start.model) });
  return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof startLosses>;
}

/** Mean losses in nats: of each source's held-out text, and of held-out responses. */
function measured(dir: string): Record<string, number> {
  using opened = openWorkingModel(ctx, job, dir);
  const texts: readonly EvaluationSource[] = held.texts;
  const { rows } = perplexity(opened, texts, ctx, {
    length: job.sequenceLength,
    windows: heldOutWindows,
  });
  const { validation, padId } = held.instructions;
  const responses = responseLoss(ctx, opened, validation, { batch: 16, padId });
  return { ...Object.fromEntries(rows.map(({ source, nll }) => [source, nll])), responses };
}

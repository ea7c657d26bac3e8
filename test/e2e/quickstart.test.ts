import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { CutArtefact, LhspgArtefact, StageArtefacts } from '../../lib/artefacts.js';
import { loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { openCorpus } from '../../lib/data/corpus.js';
import type { StageName } from '../../lib/events.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { denseModel, writePages } from '../fixtures/pages.js';
import { runJob, stageLog, tinyJob } from '../fixtures/pipeline_run.js';

const dir = mkdtempSync(join(tmpdir(), 'lorashear-e2e-'));
t.teardown(() => {
  rmSync(dir, { recursive: true, force: true });
});
const { sources, instruct } = writePages(join(dir, 'pages'));

const allStages: StageName[] = [
  ...([
    'load',
    'trace',
    'partition',
    'knowledge',
    'budget',
    'lhspg',
    'compress',
    'evaluate-dense',
    'evaluate-cut',
  ] as const),
  ...([
    'recover-pretraining',
    'recover-instruct',
    'export',
    'evaluate-recovered',
    'report',
  ] as const),
];

for (const [form, saliency, ratio] of [
  ['transfer', 'reconstruction', 0.2],
  ['paper', 'taylor_first', 0.5],
] as const) {
  t.test(
    `when a real model is cut by ${ratio} in the ${form} form, then all it promises is on disk and true`,
    async (t) => {
      const before = tensorCount();
      const job = tinyJob({
        ...{ ratio, sources, instruct, output: join(dir, form) },
        lhspg: { form, saliency, periods: 2, token_share: 0.4 },
        instruct_tuning: { tokens: 2000, rounds: 1, batch_size: 4 },
      });
      const log = stageLog();
      const summary = await runJob(job, { emit: log.emit });
      t.equal(tensorCount(), before, 'nothing leaks');
      t.strictSame(log.computed, allStages);
      t.strictSame(log.reused, []);

      const artefact = <S extends keyof StageArtefacts>(stage: S): StageArtefacts[S] =>
        (
          JSON.parse(readFileSync(join(job.output, `${stage}.json`), 'utf8')) as {
            value: StageArtefacts[S];
          }
        ).value;
      for (const stage of allStages) t.ok(existsSync(join(job.output, `${stage}.json`)), stage);
      for (const file of [
        'manifest.json',
        'metrics.jsonl',
        summary.report,
        join('model', 'README.md'),
      ]) {
        const path = file.startsWith('/') ? file : join(job.output, file);
        t.ok(statSync(path).size > 0, file);
      }

      // the size that was asked for, counted in the exported file itself
      const cut: CutArtefact = artefact('compress');
      t.strictSame(cut, summary.cut);
      using exported = loadModel(summary.model);
      using dense = loadModel(denseModel);
      const count = (model: typeof dense): number =>
        [...new Map([...model.parameters()].map(([, p]) => [p.handle, p.size])).values()].reduce(
          (a, b) => a + b,
          0,
        );
      t.equal(count(dense), cut.before.parameters);
      t.equal(count(exported), cut.after.parameters);
      t.ok(
        Math.abs(1 - count(exported) / count(dense) - ratio) <= 0.005,
        'within half a percent of the target',
      );
      const config = readConfig(summary.model);
      t.equal(config['intermediate_size'], cut.after.channels);
      t.equal(config['num_key_value_heads'], cut.after.kvHeads);

      // masked against compact, memory against folder
      for (const { maxAbsDifference, tolerance } of [cut.equality, artefact('export').equality!]) {
        t.ok(maxAbsDifference <= tolerance);
      }

      // LHSPG removed what was planned, no more and no less
      const lhspg: LhspgArtefact = artefact('lhspg');
      const layers = Number(config['num_hidden_layers']);
      t.equal(
        lhspg.achieved.zeroUnits,
        layers * ((lhspg.target.kvHeads ?? NaN) + (lhspg.target.channels ?? NaN)),
      );
      t.equal(lhspg.losses.length + artefact('recover-pretraining').losses.length, 16);
      t.equal(lhspg.tokens + artefact('recover-pretraining').tokens, job.tokens);

      // three rows of the proof on the same text, and the exported model is the one that was measured
      const { dense: first, pruned, recovered } = summary;
      for (const row of [first, pruned, recovered]) {
        t.equal(row.protocol, first.protocol);
        t.strictSame(
          row.perplexity.map(({ source }) => source),
          ['tales', 'voyages'],
        );
      }
      const corpus = await openCorpus(job.sources, loadTokenizer(summary.model), {
        sequenceLength: 160,
      });
      for (const [model, rows] of [
        [dense, first.perplexity],
        [exported, recovered.perplexity],
      ] as const) {
        for (const [i, { ids }] of corpus.validation.entries()) {
          const windows = { ids: ids.slice(0, 2 * 160), batch: 2, length: 160 };
          const nll = noGrad(() => scoped(() => nextTokenLoss(model, windows).item()));
          t.ok(Math.abs(nll - (rows[i]?.nll ?? NaN)) < 1e-4, `${rows[i]?.source}: ${nll}`);
        }
      }

      // asked again, everything is read and nothing is made anew
      const weights = readFileSync(join(summary.model, 'model.safetensors'));
      const again = stageLog();
      const second = await runJob(job, { resume: true, emit: again.emit });
      t.strictSame(again.computed, []);
      t.strictSame(again.reused, allStages);
      t.strictSame(second, summary);
      t.ok(readFileSync(join(summary.model, 'model.safetensors')).equals(weights));
    },
  );
}

t.test(
  'when the same job runs twice, then both models are the same, bit for bit; another seed gives another',
  async (t) => {
    const run = async (name: string, seed: number): Promise<Buffer> => {
      const { model } = await runJob(tinyJob({ sources, seed, output: join(dir, name) }));
      return readFileSync(join(model, 'model.safetensors'));
    };
    const one = await run('one', 1);
    t.ok(one.equals(await run('two', 1)));
    t.notOk(one.equals(await run('three', 2)));
  },
);

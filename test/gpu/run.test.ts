// A whole small run on the device, beside the same on the CPU.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { absent, gpu } from '../fixtures/gpu.js';
import { denseModel, writePages } from '../fixtures/pages.js';
import { runJob, tinyJob } from '../fixtures/pipeline_run.js';
import { batchOf } from '../fixtures/tiny_training.js';

const dir = mkdtempSync(join(tmpdir(), 'lorashear-gpu-'));
t.teardown(() => {
  rmSync(dir, { recursive: true, force: true });
});
const { sources, instruct } = writePages(join(dir, 'pages'));

const jobIn = (output: string, form: 'transfer' | 'paper') =>
  tinyJob({
    ...{ sources: { tales: sources['tales'] as string }, instruct, output: join(dir, output) },
    tokens: 160 * 8,
    lhspg: {
      ...{ form, saliency: form === 'paper' ? 'taylor_first' : 'reconstruction' },
      ...{ periods: 1, token_share: 0.4, warmup_share: 0.5 },
    },
    instruct_tuning: { tokens: 600, rounds: 1, batch_size: 4 },
  });

for (const form of ['transfer', 'paper'] as const) {
  t.test(
    `when a job in the ${form} form runs on the device, then it ends as on the CPU`,
    { skip: absent(['kernels']) },
    async (t) => {
      const before = tensorCount();
      const here = await runJob(jobIn(`${form}-gpu`, form), { device: gpu });
      const there = await runJob(jobIn(`${form}-cpu`, form), { device: 'cpu' });
      t.equal(tensorCount(), before, 'nothing leaks');
      t.same(here.cut.after, there.cut.after, 'the same widths');
      t.ok(here.cut.equality.maxAbsDifference <= here.cut.equality.tolerance);
      const ratio = (name: 'dense' | 'pruned' | 'recovered'): number =>
        here[name].geometricMean / there[name].geometricMean;
      t.ok(Math.abs(ratio('dense') - 1) < 1e-3, `dense: ${ratio('dense')}`);
      // Rounding may choose another unit among equals; the quality is the same.
      t.ok(Math.abs(ratio('pruned') - 1) < 0.1, `pruned: ${ratio('pruned')}`);
      t.ok(Math.abs(ratio('recovered') - 1) < 0.1, `recovered: ${ratio('recovered')}`);
      t.ok(existsSync(here.report));
    },
  );
}

t.test(
  'when a model is loaded onto the device, then its loss is the CPU’s',
  { skip: absent() },
  async (t) => {
    const loss = (device: string): number => {
      using model = loadModel(denseModel, { device });
      return noGrad(() => scoped(() => nextTokenLoss(model, batchOf(2)).item()));
    };
    t.ok(Math.abs(loss(gpu) / loss('cpu') - 1) < 1e-5);
  },
);

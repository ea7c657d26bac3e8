import t from 'tap';
import { partition } from '../../lib/groups/partition.js';
import { Costs } from '../../lib/plan/costs.js';
import { modelJob } from '../../lib/plan/model_job.js';
import { predict } from '../../lib/plan/prediction.js';
import type { LhspgForm } from '../../lib/config/job.js';
import type { SaliencyName } from '../../lib/saliency/names.js';
import { budgetOf } from '../../lib/pipeline/budget.js';
import { symbolicLlama } from '../groups/symbolic_llama.js';

const graph = symbolicLlama({ rank: 8 });
const groups = partition(graph);
const { total } = new Costs(graph, groups, { context: 32, batch: 1, bytes: 4 });
const rate = { macsPerSecond: 1e6, numbersPerSecond: Infinity, secondsPerCall: 0 };

function predicted(input: Parameters<typeof modelJob>[1] = {}, speed: typeof rate | null = rate) {
  const job = modelJob('m', { sequence_length: 32, batch_size: 4, tokens: 12_800, ...input });
  return predict({
    ...{ graph, partition: groups, dense: total, cut: total, program: 1000 },
    ...{ work: job, budget: budgetOf(job), rate: speed },
  });
}

t.test(
  'when a run is predicted, then its products are forward, and once more for each backward',
  (t) => {
    const { stages, seconds } = predicted({ knowledge: { sequences: 2 }, lhspg: { sequences: 3 } });
    const work = Object.fromEntries(stages.map(({ stage, macs }) => [stage, macs / total.macs]));
    // 100 steps of 128 tokens: 10 prune, 90 recover; three sources of 48 windows, 16 of them in each round.
    t.equal(work['evaluate'], 3 * 3 * 48 * 32);
    // Three ratios of two groups in each of two layers, in the second without the first layer's products; the head is 32 · 16.
    const second = 1 - (1 - 512 / total.macs) / 2;
    t.ok(Math.abs((work['knowledge'] ?? NaN) - 2 * 32 * (2 + 3 * 2 * (1 + second))) < 1e-9);
    t.equal(work['prune'], 5 * 3 * 32 + 2 * 10 * 128);
    t.equal(work['recover'], 2 * 90 * 128 + 3 * 16 * 32 * (5 + 1));
    const all = stages.reduce((sum, { macs }) => sum + macs, 0);
    t.ok(Math.abs((seconds ?? NaN) - all / 1e6) < 1e-6);
    const { range } = predicted({ knowledge: { sequences: 2 }, lhspg: { sequences: 3 } });
    t.ok(range && range.least < (seconds ?? NaN) && range.most > (seconds ?? NaN));
    t.end();
  },
);

t.test(
  'when memory is predicted, then recovery holds both models, LoRA five times, and one step',
  (t) => {
    const { memory } = predicted();
    const factors = 2 * 8 * (40 + 28 + 28 + 40 + 26 + 26 + 26); // layers · r · (in + out) of seven linears
    t.equal(memory.stage, 'recover');
    t.equal(memory.weights, 2 * 4 * total.parameters);
    t.equal(memory.lora, 5 * 4 * factors);
    t.equal(memory.peak, memory.program + memory.weights + memory.lora + memory.activations);
    t.equal(predicted({ batch_size: 8 }).memory.activations, 2 * memory.activations);
    t.end();
  },
);

t.test(
  'when memory is predicted, then products are kept only where form or saliency need them',
  (t) => {
    const large = symbolicLlama({ rank: 1, channels: 40_000 });
    const of = (lhspg: { form: LhspgForm; saliency: SaliencyName }): number => {
      const work = modelJob('m', { lhspg });
      return predict({
        ...{ graph: large, partition: partition(large), dense: total, cut: total },
        ...{ program: 0, rate: null, budget: budgetOf(work), work },
      }).memory.statistics;
    };
    const products = 8 * (2 * 24 ** 2 + 2 * 40_000 ** 2 + 4 * 40_000 ** 2);
    t.equal(of({ form: 'transfer', saliency: 'magnitude' }), products);
    t.equal(of({ form: 'one-shot', saliency: 'reconstruction' }), products);
    for (const saliency of ['wanda', 'fluctuation', 'magnitude'] as const) {
      t.equal(of({ form: 'paper', saliency }), 0, 'other stages need more memory');
    }
    t.end();
  },
);

t.test('when no rate was measured, then there is no time', (t) => {
  const { seconds, range, stages } = predicted({}, null);
  t.same([seconds, range], [null, null]);
  t.ok(stages.every((stage) => stage.seconds === null && stage.macs > 0));
  t.end();
});

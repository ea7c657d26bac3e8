import t from 'tap';
import { partition } from '../../lib/groups/partition.js';
import { Costs } from '../../lib/plan/costs.js';
import { modelJob } from '../../lib/plan/model_job.js';
import { predict } from '../../lib/plan/prediction.js';
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
    // 100 steps of 128 tokens: 20 prune, 80 recover; three sources of 48 windows, 16 of them in each round.
    t.equal(work['evaluate'], 3 * 3 * 48 * 32);
    t.equal(work['knowledge'], 2 * 32 * (2 + 3 * 2 * 2));
    t.equal(work['prune'], 5 * 3 * 32 + 2 * 20 * 128);
    t.equal(work['recover'], 2 * 80 * 128 + 3 * 16 * 32 * (5 + 1));
    const all = stages.reduce((sum, { macs }) => sum + macs, 0);
    t.ok(Math.abs((seconds ?? NaN) - all / 1e6) < 1e-6);
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

t.test('when no rate was measured, then there is no time', (t) => {
  const { seconds, stages } = predicted({}, null);
  t.equal(seconds, null);
  t.ok(stages.every((stage) => stage.seconds === null && stage.macs > 0));
  t.end();
});

import { loraParameters } from '../../lib/lora/lora.js';
import { recordGraph } from '../../lib/tensor/device_graph.js';
import { zeros } from '../../lib/tensor/ops.js';
import { AdamW } from '../../lib/train/adamw.js';
import { type TokenBatch, nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { type Memory, allAtOnce } from '../../lib/train/memory.js';
import { type Recorder, StepGraphs } from '../../lib/train/step_graph.js';
import { trainOnBatch } from '../../lib/train/train_batch.js';
import { test } from '../fixtures/no_leak.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { steppingRecorder } from '../fixtures/stepping_recorder.js';
import { batchOf } from '../fixtures/tiny_training.js';

const batches = Array.from({ length: 7 }, (_, i) => batchOf(i));

/** Losses of a step on each batch, with another rate each, and the factors they end with. */
function trained(
  given: readonly TokenBatch[],
  graphs: StepGraphs | null,
  memory: Memory = allAtOnce,
  frozen = true,
) {
  using model = randomLlama({ rank: 2, seed: 4 });
  for (const p of loraParameters(model).values()) p.requiresGrad = true;
  if (!frozen) model.linearHead!.weight.requiresGrad = true; // then all logits are made
  using optimizer = new AdamW(loraParameters(model));
  const losses = given.map((batch, i) =>
    trainOnBatch(model, batch, (rows, pass) => nextTokenLoss(model, rows, pass), optimizer, {
      learningRate: 0.01 / (i + 1),
      clip: 0.5,
      graphs,
      ...memory,
    }),
  );
  graphs?.drop();
  const factors = [...loraParameters(model).values()].flatMap((p) => p.toArray());
  return { losses, factors };
}

const silent = (): void => undefined;

for (const [name, memory, frozen] of [
  ['whole batches', allAtOnce, true],
  ['rows in parts', { microBatch: 2, checkpointing: 'selective' }, true],
  ['a head that learns', allAtOnce, false],
] as const) {
  test(`when steps on ${name} are recorded, then replays with other tokens and rates are those steps, to the bit`, (t) => {
    const { record, counts } = steppingRecorder();
    const graphs = new StepGraphs((why) => t.fail(why), record);
    t.same(trained(batches, graphs, memory, frozen), trained(batches, null, memory, frozen));
    t.same(counts, { recordings: 1, replays: 5, disposed: 1 });
  });
}

test('when the shape changes, then the recording is dropped and another made', (t) => {
  const { record, counts } = steppingRecorder();
  const longer = [...batches.slice(0, 4), ...[1, 2, 3, 4].map((seed) => batchOf(seed, 2, 14))];
  t.same(trained(longer, new StepGraphs(silent, record)), trained(longer, null));
  t.same(counts, { recordings: 2, replays: 4, disposed: 2 });
});

test('when recording fails, then that is told once and the steps are made as ever', (t) => {
  const warnings: string[] = [];
  const failing: Recorder = (_device, work) => {
    if (warnings.length > 0) throw new Error('asked again');
    work().dispose();
    throw new Error('operation not permitted when stream is capturing');
  };
  const graphs = new StepGraphs((why) => warnings.push(why), failing);
  const { losses } = trained(batches, graphs);
  t.match(warnings, [/^steps are not recorded: .*not permitted when stream is capturing/]);
  t.equal(warnings.length, 1);
  t.equal(losses.length, batches.length);
});

test('when a device has no graphs, then nothing is recorded, and nobody is warned', (t) => {
  const graphs = new StepGraphs((why) => t.fail(why));
  t.same(trained(batches, graphs), trained(batches, null));
  t.equal(
    recordGraph('cpu', () => zeros([1])),
    null,
  );
});

test('when rows have labels or documents, or blocks are computed again, then steps are not recorded', (t) => {
  const record: Recorder = () => t.fail('recorded') as never;
  const given = (extra: Partial<TokenBatch>): TokenBatch[] =>
    batches.map((batch) => ({ ...batch, ...extra }));
  const graphs = new StepGraphs(silent, record);
  const labels = batchOf(3).ids;
  const segments = Int32Array.from(labels, (_, i) => Math.floor(i / 5));
  for (const rows of [given({ labels }), given({ segments })]) {
    t.same(trained(rows, graphs), trained(rows, null));
  }
  const blocks: Memory = { microBatch: null, checkpointing: 'blocks' };
  t.same(trained(batches, graphs, blocks), trained(batches, null, blocks));
});

// Recorded steps on the device beside steps that are not.
import { loadModel } from '../../lib/checkpoint/load.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import { recordGraph } from '../../lib/tensor/device_graph.js';
import * as ops from '../../lib/tensor/ops.js';
import { floatTensorOn } from '../../lib/tensor/placed.js';
import { AdamW } from '../../lib/train/adamw.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { allAtOnce } from '../../lib/train/memory.js';
import { StepGraphs } from '../../lib/train/step_graph.js';
import { trainOnBatch } from '../../lib/train/train_batch.js';
import { gpu, test } from '../fixtures/gpu.js';
import { denseModel } from '../fixtures/pages.js';
import { batchOf } from '../fixtures/tiny_training.js';

test('when work is recorded, then it is done at each replay, on what its inputs hold by then', (t) => {
  const x = floatTensorOn(gpu, [1, 2]);
  const graph = recordGraph(gpu, () => ops.scale(x, 3));
  if (!graph) {
    t.equal(gpu, 'cpu', 'only the CPU has no graphs');
    return;
  }
  for (const values of [
    [1, 2],
    [5, -1],
  ]) {
    ops.copy_(x, floatTensorOn(gpu, values));
    graph.replay();
    t.same(
      graph.result.toArray(),
      values.map((v) => 3 * v),
    );
  }
  graph.result.dispose();
  graph.dispose();
});

test('when the recorded work waits for the device, then that is an error, and the device goes on', (t) => {
  const x = floatTensorOn(gpu, [1, 2]);
  if (gpu === 'cpu') {
    t.equal(
      recordGraph(gpu, () => t.fail('called')),
      null,
    );
    return;
  }
  t.throws(() => recordGraph(gpu, () => ops.scale(x, 3).toArray()));
  t.same(ops.scale(x, 3).toArray(), [3, 6]);
  const graph = recordGraph(gpu, () => ops.scale(x, 2));
  graph?.replay();
  t.same(graph?.result.toArray(), [2, 4]);
  graph?.result.dispose();
  graph?.dispose();
});

for (const microBatch of [null, 2]) {
  test(`when a model trains with ${microBatch ?? 'all'} rows at a time, then recorded steps are those that are not, to the bit`, (t) => {
    const trained = (graphs: StepGraphs | null): [number[], number[][]] => {
      using model = loadModel(denseModel, { device: gpu });
      attachLora(model, { r: 4, alpha: 8, seed: 3 });
      using optimizer = new AdamW(loraParameters(model));
      const losses = [1, 2, 3, 4, 5, 6].map((seed) =>
        trainOnBatch(
          model,
          batchOf(seed),
          (rows, pass) => nextTokenLoss(model, rows, pass),
          optimizer,
          { learningRate: 1e-2 / seed, clip: 1, graphs, ...allAtOnce, microBatch },
        ),
      );
      graphs?.drop();
      return [losses, [...loraParameters(model).values()].map((p) => Array.from(p.toArray()))];
    };
    t.same(trained(new StepGraphs((why) => t.fail(why))), trained(null));
  });
}

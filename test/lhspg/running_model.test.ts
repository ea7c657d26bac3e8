import t from 'tap';
import { createContext } from '../../lib/context.js';
import { RunningModel } from '../../lib/lhspg/running_model.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { copy_, full } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { zeroUnits, randomLlama } from '../fixtures/random_llama.js';
import { batchOf, discovered } from '../fixtures/tiny_training.js';

const ctx = createContext();
const heads = 'layers.0.self_attn.heads';
const channels = 'layers.1.mlp.channels';

function running(): RunningModel {
  const model = randomLlama({ heads: 8, kvHeads: 4, channels: 12, seed: 7 });
  const partition = discovered(model);
  attachLora(model, { r: 2, alpha: 4, seed: 1 });
  return new RunningModel(model, partition);
}

/** Zeroes the units, numbered as in the running model. */
function zero(run: RunningModel, places: ReadonlyMap<string, number[]>): void {
  zeroUnits(run.model, run.partition, places);
}

t.test('when units leave twice, then those that are left keep their first numbers', (t) => {
  const before = tensorCount();
  const run = running();
  t.equal(run.shrinkage, null);
  t.equal(run.shrink(ctx, new Map(), batchOf(1)), null);
  const removed = new Map([
    [heads, [1]],
    [channels, [0, 4, 11]],
  ]);
  zero(run, run.places(removed));
  const first = run.shrink(ctx, removed, batchOf(1));
  t.ok(first && first.maxAbsDifference <= first.tolerance);
  t.strictSame(run.denseUnits(heads, [0, 1, 2]), [0, 2, 3]);
  t.strictSame(run.denseUnits(channels, [0, 1, 2, 3, 8]), [1, 2, 3, 5, 10]);
  t.strictSame([...run.places([[channels, [0, 5, 10]]])], [[channels, [3, 8]]], '0 has left');

  const more = new Map([
    [heads, [1, 3]],
    [channels, [0, 4, 5, 11]],
  ]);
  t.strictSame(
    [...run.places(more)],
    [
      [heads, [2]],
      [channels, [3]],
    ],
  );
  zero(run, run.places(more));
  run.shrink(ctx, more, batchOf(2));
  t.strictSame(run.denseUnits(heads, [0, 1]), [0, 2]);
  t.equal(run.partition.groups.find(({ id }) => id === channels)?.units, 8);

  const { config, units } = run.shrinkage!;
  t.strictSame(config, run.model.config);
  t.strictSame(units[heads], [0, 2]);
  t.equal([...loraParameters(run.model)].length, 2 * 2 * 7, 'LoRA stays on every linear');
  const again = new RunningModel(run.model, run.whole, run.shrinkage);
  t.strictSame(again.partition, run.partition, 'as it would be read from a saved state');
  t.strictSame(again.shrinkage, run.shrinkage);
  run.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a unit that leaves is not zero, then the cut is refused and the model stays', (t) => {
  const run = running();
  const { model } = run;
  noGrad(() => {
    scoped(() => {
      for (const p of loraParameters(model).values()) copy_(p, full(p.shape, 0.1));
    });
  });
  t.throws(() => run.shrink(ctx, new Map([[heads, [1]]]), batchOf(1)), { code: 'CUT_NOT_EQUAL' });
  t.equal(run.model, model);
  t.equal(run.shrinkage, null);
  run.dispose();
  t.end();
});

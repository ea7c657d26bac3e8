import { Checkpoints } from '../../lib/tensor/checkpointing.js';
import { loraParameters } from '../../lib/lora/lora.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { AdamW } from '../../lib/train/adamw.js';
import { type TokenBatch, nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { type Memory, allAtOnce, checkpointings } from '../../lib/train/memory.js';
import { trainOnBatch } from '../../lib/train/train_batch.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { batchOf } from '../fixtures/tiny_training.js';

const batch = batchOf(3, 5);
/** Unequal numbers of targets in the rows, none in the second. */
const labelled: TokenBatch = {
  ...batch,
  labels: batch.ids.map((id, i) =>
    Math.floor(i / 12) === 1 || i % 12 > 12 - Math.floor(i / 12) ? -100 : id,
  ),
};

/** Losses of a few steps and the factors they end with. */
function trained(given: TokenBatch, memory: Memory) {
  const model = randomLlama({ rank: 2, seed: 4 });
  for (const p of loraParameters(model).values()) p.requiresGrad = true;
  using optimizer = new AdamW(loraParameters(model));
  let before = 0; // the first step makes tables that the model keeps
  let passes = 0;
  const losses = Array.from({ length: 4 }, (_, step) => {
    if (step === 1) before = tensorCount();
    return trainOnBatch(
      model,
      given,
      (rows, pass) => {
        passes++;
        if ((memory.checkpointing === 'blocks') !== pass.checkpoints instanceof Checkpoints)
          throw new Error('checkpoints');
        return nextTokenLoss(model, rows, pass);
      },
      optimizer,
      { learningRate: 0.01, clip: 0.5, ...memory },
    );
  });
  if (tensorCount() !== before) throw new Error('a step leaks');
  const factors = [...loraParameters(model).values()].flatMap((p) => p.toArray());
  model.dispose();
  return { losses, factors, passes };
}

for (const [name, given] of Object.entries({ 'all tokens': batch, 'some labels': labelled })) {
  test(`when a batch of ${name} is trained on in parts, or with checkpoints, then the steps are the same`, (t) => {
    const whole = trained(given, allAtOnce);
    t.ok(whole.losses[3]! < whole.losses[0]!);
    for (const microBatch of [null, 1, 2, 4, 9]) {
      for (const checkpointing of checkpointings) {
        const { losses, factors, passes } = trained(given, { microBatch, checkpointing });
        const parts = microBatch === null ? 1 : Math.ceil(5 / microBatch);
        const empty = microBatch === 1 && given.labels ? 1 : 0;
        t.equal(passes, 4 * (parts - empty));
        t.ok(distance(losses, whole.losses) < 1e-5);
        // Adam divides by the root of tiny squares: a last bit of a gradient is more of a step
        t.ok(distance(factors, whole.factors) < 1e-4, `${microBatch}, ${checkpointing}`);
      }
    }
  });
}

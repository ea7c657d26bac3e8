import { LoraDropout } from '../../lib/lora/dropout.js';
import { attachLora, loraDropout, loraParameters, setLoraTraining } from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { llama } from '../../lib/models/llama.js';
import { backward, clearGrads } from '../../lib/tensor/autograd.js';
import { Checkpoints } from '../../lib/tensor/checkpointing.js';
import { full, mul, sumAll } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { AdamW } from '../../lib/train/adamw.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { trainStep } from '../../lib/train/step.js';
import { test } from '../fixtures/no_leak.js';
import { fillFactors } from '../fixtures/peft.js';
import { randomConfig, randomLlama } from '../fixtures/random_llama.js';
import { batchOf, snapshot } from '../fixtures/tiny_training.js';

const options = { r: 3, alpha: 6, seed: 5, dropout: 0.5 };

test('when it trains, then a share p is zero and the rest keeps the mean', (t) => {
  const dropout = new LoraDropout(0.25, 1, 'cpu');
  const x = full([200, 100], 3);
  t.equal(dropout.forward(x), x, 'off at first');
  dropout.training = true;
  const values = dropout.forward(x).toArray();
  t.same([...new Set(values)].sort(), [0, 4]);
  const zeros = values.filter((v) => v === 0).length / values.length;
  t.ok(Math.abs(zeros - 0.25) < 0.015, `${zeros} are zero`); // 5 standard deviations
  t.not(dropout.forward(x).toArray().join(), values.join(), 'another mask each time');
});

test('when it is differentiated, then the gradient has the same mask', (t) => {
  const dropout = new LoraDropout(0.5, 1, 'cpu');
  dropout.training = true;
  const x = floatTensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]);
  x.requiresGrad = true;
  const y = dropout.forward(x);
  backward(sumAll(y));
  t.same(mul(x.grad!, x).toArray(), y.toArray());
});

/** Losses of some steps from the state as it is. */
function train(model: Model, optimizer: AdamW, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) =>
    trainStep(() => nextTokenLoss(model, batchOf(from + i)), optimizer, 1e-2),
  );
}

test('when nobody trains, then dropout changes no logit; when somebody does, then seeds repeat it', (t) => {
  const losses = (seed: number, dropout: number, training: boolean): number[] => {
    const model = randomLlama();
    attachLora(model, { ...options, seed, dropout });
    using optimizer = new AdamW(loraParameters(model));
    setLoraTraining(model, training);
    const found = train(model, optimizer, 0, 3);
    model.dispose();
    return found;
  };
  const without = losses(5, 0, true);
  t.same(losses(5, 0.5, false), without);
  const dropped = losses(5, 0.5, true);
  t.notSame(dropped, without);
  t.same(losses(5, 0.5, true), dropped);
  t.equal(dropped[0], without[0], 'B is zero at first');
  t.notSame(losses(6, 0.5, true), dropped);
});

test('when the stream is restored, then training goes on bit for bit', (t) => {
  const model = randomLlama();
  attachLora(model, options);
  fillFactors(model, 2);
  setLoraTraining(model, true);
  const { stream } = loraDropout(model)!;
  const loss = (): number => nextTokenLoss(model, batchOf(1)).item();
  loss();
  const state = stream.save();
  const [second, third] = [loss(), loss()];
  t.not(second, third);
  stream.restore(state);
  t.same([loss(), loss()], [second, third]);
  setLoraTraining(model, false);
  t.equal(loss(), loss());
  model.dispose();
});

test('when parts are checkpointed, then they draw the same masks again', (t) => {
  const model = randomLlama();
  attachLora(model, options);
  fillFactors(model, 2);
  setLoraTraining(model, true);
  const { stream } = loraDropout(model)!;
  const state = stream.save();
  backward(nextTokenLoss(model, batchOf(1)));
  const parameters = loraParameters(model);
  const gradients = (): number[][] => [...parameters.values()].map((p) => p.grad!.toArray());
  const plain = gradients();
  clearGrads([...parameters.values()]);
  stream.restore(state);
  const parts = new Checkpoints({ streams: [stream] });
  parts.backward(parts.run(() => nextTokenLoss(model, batchOf(1))));
  parts.dispose();
  t.same(gradients(), plain);
  model.dispose();
});

test('when the model is weightless or p is zero, then there is no stream', (t) => {
  const meta = llama.build(randomConfig(), metaWeights());
  attachLora(meta, options);
  t.equal(loraDropout(meta), null);
  setLoraTraining(meta, true);
  const model = randomLlama();
  const before = snapshot(model);
  attachLora(model, { ...options, dropout: 0 });
  t.equal(loraDropout(model), null);
  t.match(snapshot(model), before);
  meta.dispose();
  model.dispose();
});

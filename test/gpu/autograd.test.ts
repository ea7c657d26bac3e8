// Gradients and training on the device, against the CPU's.
import { loadModel } from '../../lib/checkpoint/load.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import { backward, clearGrads, grad, noGrad } from '../../lib/tensor/autograd.js';
import {
  attention,
  crossEntropy,
  matmul,
  mul,
  rmsNorm,
  silu,
  sumAll,
  to,
} from '../../lib/tensor/ops.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { scoped } from '../../lib/tensor/scope.js';
import { floatTensor, type Tensor } from '../../lib/tensor/tensor.js';
import { AdamW } from '../../lib/train/adamw.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { trainStep } from '../../lib/train/step.js';
import { gpu, test } from '../fixtures/gpu.js';
import { distance } from '../fixtures/no_leak.js';
import { denseModel } from '../fixtures/pages.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { batchOf } from '../fixtures/tiny_training.js';

function leaf(
  shape: readonly number[],
  seed: number,
  device: string,
  dtype: 'float32' | 'float64',
): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const x = to(floatTensor(randomNumbers(seed, size), shape), device, dtype);
  x.requiresGrad = true;
  return x;
}

/** Operators of a transformer's layer: inputs, and a number from them. */
const functions: Record<string, [shapes: number[][], fn: (...xs: Tensor[]) => Tensor]> = {
  'a product of matrices': [
    [
      [7, 5],
      [5, 3],
    ],
    (a, b) => sumAll(mul(matmul(a, b), matmul(a, b))),
  ],
  'a gated MLP': [
    [
      [4, 6],
      [4, 6],
    ],
    (a, b) => sumAll(mul(silu(a), b)),
  ],
  'a norm': [[[3, 9], [9]], (x, w) => sumAll(mul(rmsNorm(x, [9], w, 1e-5), x))],
  'attention with grouped heads': [
    [
      [1, 4, 5, 8],
      [1, 2, 5, 8],
      [1, 2, 5, 8],
    ],
    (q, k, v) => sumAll(mul(attention(q, k, v, null, true), q)),
  ],
  'a cross entropy': [[[4, 11]], (x) => crossEntropy(x, longTensorOn(x.device, [1, 10, -100, 0]))],
};

for (const [name, [shapes, fn]] of Object.entries(functions)) {
  for (const [dtype, allowed] of [
    ['float64', 1e-12],
    ['float32', 3e-5],
  ] as const) {
    test(`when ${name} in ${dtype} is differentiated on the device, then the CPU agrees`, (t) => {
      const [there, here] = ['cpu', gpu].map((device) => {
        const inputs = shapes.map((shape, i) => leaf(shape, i + 1, device, dtype));
        const y = fn(...inputs);
        const gradients = grad([y], inputs);
        t.ok(gradients.every((g) => g?.device.startsWith(device)));
        return [y.item(), ...gradients.flatMap((g) => g?.toArray() ?? [NaN])];
      });
      t.ok(distance(here!, there!) <= allowed);
    });
  }
}

test('when a scope ends before backward, then leaves on the device hold the gradient', (t) => {
  const x = leaf([3], 1, gpu, 'float32');
  const loss = scoped(() => sumAll(mul(x, x)));
  t.equal(noGrad(() => sumAll(x)).requiresGrad, false);
  backward(loss, { retainGraph: true });
  backward(loss);
  t.ok(
    distance(
      x.grad?.toArray() ?? [],
      x.toArray().map((v) => 4 * v),
    ) < 1e-6,
  );
  clearGrads([x]);
  t.equal(x.grad, null);
});

test('when a model with LoRA trains on the device, then losses and gradients are the CPU’s', (t) => {
  const [there, here] = ['cpu', gpu].map((device) => {
    using model = loadModel(denseModel, { device });
    attachLora(model, { r: 2, alpha: 4, seed: 1 });
    const parameters = loraParameters(model);
    const factors = [...parameters.values()];
    const batch = batchOf(1);
    const gradients = scoped(() => {
      const loss = nextTokenLoss(model, batch);
      return grad([loss], factors).map((g) => g?.toArray() ?? []);
    });
    using optimizer = new AdamW(parameters);
    const losses = [0, 1, 2, 3].map(() =>
      trainStep(() => nextTokenLoss(model, batch), optimizer, 0.01),
    );
    return { gradients, losses };
  });
  here!.gradients.forEach((g, i) => {
    const other = there!.gradients[i] ?? [];
    const isZero = other.every((v) => v === 0);
    t.ok(isZero ? g.every((v) => v === 0) : distance(g, other) < 1e-3, `gradient ${i}`);
  });
  t.ok(
    distance(here!.losses, there!.losses) < 1e-3,
    `${here!.losses.join()} and ${there!.losses.join()}`,
  );
  t.ok(here!.losses.at(-1)! < here!.losses[0]!, 'and it learns');
});

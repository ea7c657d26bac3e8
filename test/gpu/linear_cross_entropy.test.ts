// The loss of a linear head on the device, against its definition in double.
import { backward, noGrad } from '../../lib/tensor/autograd.js';
import { linearCrossEntropy } from '../../lib/tensor/linear_cross_entropy.js';
import { opMany } from '../../lib/tensor/op.js';
import { to } from '../../lib/tensor/ops.js';
import { longTensorOn } from '../../lib/tensor/placed.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { gpu, test } from '../fixtures/gpu.js';
import { distance } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const reference = opMany(
  'lorashear::linear_cross_entropy_reference(Tensor hidden, Tensor weight, Tensor? bias, Tensor labels, float scale=1.0, float softcap=0.0, int ignore_index=-100) -> (Tensor losses, Tensor gradient)',
);

const [N, C, V] = [37, 24, 1003];

/** Products stay in float32 on a device, so that half types only round the gradient. */
const near = { float64: 1e-6, float32: 1e-5, bfloat16: 2e-2, float16: 3e-3 };

for (const dtype of ['float64', 'float32', 'bfloat16', 'float16'] as const) {
  test(`when a head of ${dtype} is on the device, then losses and gradients are those in double`, (t) => {
    for (const [bias, scale, softcap] of [
      [false, 1, null],
      [true, 0.5, null],
      [true, 1.5, 8],
    ] as const) {
      const random = (seed: number, shape: readonly number[], by: number): Tensor => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const numbers = randomNumbers(seed, size).map((x) => by * x);
        return to(floatTensor(numbers, shape), gpu, dtype);
      };
      const weight = random(1, [V, C], 2);
      const head = { weight, bias: bias ? random(2, [V], 2) : null, scale, softcap };
      const hidden = random(3, [N, C], 4);
      const labels = longTensorOn(
        gpu,
        [...randomNumbers(4, N)].map((x, i) => (i % 4 === 2 ? -100 : Math.floor((x + 0.5) * V))),
      );
      const [losses, gradient] = noGrad(() =>
        reference(hidden, weight, head.bias, labels, scale, softcap ?? 0, -100),
      ) as [Tensor, Tensor];
      const expected = losses.toArray().reduce((sum, x) => sum + x, 0);
      hidden.requiresGrad = true;
      for (const chunk of [0, 10]) {
        const loss = linearCrossEntropy(hidden, head, labels, { reduction: 'sum', chunk });
        t.equal(loss.dtype, dtype === 'float64' ? 'float64' : 'float32');
        t.equal(loss.device, labels.device);
        t.ok(Math.abs(loss.item() - expected) < near[dtype] * expected, `${loss.item()}`);
        if (chunk === 0) backward(loss);
      }
      const off = distance(hidden.grad?.toArray() ?? [], gradient.toArray());
      t.ok(off < near[dtype], `gradient ${off}`);
    }
  });
}

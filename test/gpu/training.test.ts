// Our operators with gradients on the device, against their formulas in float64 on the CPU.
import { backward } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { fusedRotate, gatedSilu, loraLinear } from '../../lib/tensor/fused.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import { loadModel } from '../../lib/checkpoint/load.js';
import * as ops from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { gpu, test } from '../fixtures/gpu.js';
import { distance } from '../fixtures/no_leak.js';
import { denseModel } from '../fixtures/pages.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { batchOf } from '../fixtures/tiny_training.js';

/** One rounding of each result, and of the low-rank branch that goes through the type of x on a GPU. */
const near = { float32: 1e-5, bfloat16: 1e-2, float16: 2e-3 } as const;
const dtypes = Object.keys(near) as (keyof typeof near)[];

interface Inputs {
  /** Take gradients. */
  readonly leaves: readonly Tensor[];
  readonly fixed: readonly Tensor[];
}

type Formula = (leaves: readonly Tensor[], fixed: readonly Tensor[]) => Tensor;

/** The result, and the gradients of ⟨result, towards⟩. */
function results(formula: Formula, { leaves, fixed }: Inputs, towards: Tensor): number[][] {
  for (const leaf of leaves) leaf.requiresGrad = true;
  const y = formula(leaves, fixed);
  backward(ops.sumAll(ops.mul(y, towards)));
  return [y, ...leaves.map((leaf) => leaf.grad as Tensor)].map((x) =>
    Array.from(ops.to(x, 'cpu', 'float64').toArray()),
  );
}

let seed = 1;
const drawn = (shape: readonly number[], dtype: DType): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return ops.to(floatTensor(randomNumbers(seed++, size), shape), 'cpu', dtype);
};

/** How far results on the device are from those in float64, at worst. */
function gap(fused: Formula, plain: Formula, given: Inputs, shape: readonly number[]): number {
  const towards = drawn(shape, given.leaves[0]?.dtype ?? 'float32');
  const placed = (device: string, dtype?: DType) => (x: Tensor) =>
    ops.to(x, device, dtype ?? x.dtype);
  const on = (place: (x: Tensor) => Tensor): Inputs => ({
    leaves: given.leaves.map(place),
    fixed: given.fixed.map(place),
  });
  const exact = results(plain, on(placed('cpu', 'float64')), ops.to(towards, 'cpu', 'float64'));
  const found = results(fused, on(placed(gpu)), ops.to(towards, gpu, towards.dtype));
  return Math.max(...exact.map((row, i) => distance(found[i] ?? [], row)));
}

for (const dtype of dtypes) {
  test(
    `when a gated SiLU of ${dtype} has odd and even widths, then it and its gradients are the formula’s`,
    (t) => {
      for (const shape of [
        [1, 1],
        [3, 7],
        [2, 5, 64],
        [5, 1376],
        [300, 33],
      ]) {
        const given = { leaves: [drawn(shape, dtype), drawn(shape, dtype)], fixed: [] };
        const worst = gap(
          ([g, u]) => gatedSilu(g as Tensor, u as Tensor),
          ([g, u]) => ops.mul(ops.silu(g as Tensor), u as Tensor),
          given,
          shape,
        );
        t.ok(worst < near[dtype], `${shape.join('×')}: ${worst}`);
      }
    },
    'kernels',
  );

  test(
    `when heads of ${dtype} are turned whole or in part, then they and their gradients are the formula’s`,
    (t) => {
      const plain: Formula = ([x], [cos, sin]) => {
        const [D, R] = [(x as Tensor).extent(-1), (cos as Tensor).extent(-1)];
        const part = ops.slice(x as Tensor, -1, 0, R);
        const [x1, x2] = [ops.slice(part, -1, 0, R / 2), ops.slice(part, -1, R / 2, R)];
        const other = ops.cat([ops.neg(x2), x1], -1);
        const turned = ops.add(ops.mul(part, cos as Tensor), ops.mul(other, sin as Tensor));
        return R === D ? turned : ops.cat([turned, ops.slice(x as Tensor, -1, R, D)], -1);
      };
      const fused: Formula = ([x], [cos, sin]) =>
        fusedRotate(ops.transpose(x as Tensor, 1, 2), cos as Tensor, sin as Tensor);
      for (const [B, H, T, D, R] of [
        [1, 1, 1, 2, 2],
        [2, 3, 5, 8, 6],
        [2, 4, 7, 64, 64],
        [1, 2, 9, 80, 32],
      ] as const) {
        for (const table of [
          [T, R],
          [B, 1, T, R],
        ]) {
          const x = drawn([B, T, H, D], dtype);
          const given = { leaves: [x], fixed: [drawn(table, dtype), drawn(table, dtype)] };
          const worst = gap(
            fused,
            ([y], tables) => plain([ops.transpose(y as Tensor, 1, 2)], tables),
            given,
            [B, H, T, D],
          );
          t.ok(worst < near[dtype], `${[B, H, T, D, R].join('×')}, ${table.length}: ${worst}`);
        }
      }
    },
    'kernels',
  );

  test(`when a linear of ${dtype} has LoRA, then it and its gradients are the formula’s`, (t) => {
    for (const [rows, n, m, r] of [
      [1, 5, 3, 1],
      [7, 37, 66, 3],
      [70, 64, 300, 8],
    ] as const) {
      const given = {
        leaves: [drawn([1, rows, n], dtype), drawn([r, n], 'float32'), drawn([m, r], 'float32')],
        fixed: [drawn([m, n], dtype)],
      };
      const worst = gap(
        ([x, a, b], [w]) => loraLinear(x as Tensor, w as Tensor, null, a as Tensor, b as Tensor, 2),
        ([x, a, b], [w]) =>
          ops.add(
            ops.linear(x as Tensor, w as Tensor),
            ops.scale(ops.linear(ops.linear(x as Tensor, a as Tensor), b as Tensor), 2),
          ),
        given,
        [1, rows, m],
      );
      t.ok(worst < near[dtype], `${rows}×${n}→${m}, rank ${r}: ${worst}`);
    }
  });
}

test('when a model with LoRA is on the device, then loss and gradients are the CPU’s', (t) => {
  const gradients = (device: string): number[][] => {
    using model = loadModel(denseModel, { device });
    attachLora(model, { r: 4, alpha: 8, seed: 3 });
    return scoped(() => {
      const loss = nextTokenLoss(model, batchOf(2));
      backward(loss);
      const factors = [...loraParameters(model).values()];
      return [loss, ...factors.map((x) => x.grad as Tensor)].map((x) =>
        Array.from(ops.to(x, 'cpu', 'float64').toArray()),
      );
    });
  };
  const [there, here] = [gradients(gpu), gradients('cpu')];
  const worst = Math.max(
    ...here.map((row, i) => (row.some((v) => v !== 0) ? distance(there[i] ?? [], row) : 0)),
  );
  t.ok(worst < 1e-3, `at worst ${worst}`);
});

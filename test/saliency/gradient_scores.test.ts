import t from 'tap';
import { gradientStatistics } from '../../lib/calibration/gradients.js';
import { createContext } from '../../lib/context.js';
import type { NodeGroup } from '../../lib/groups/group.js';
import type { Model } from '../../lib/models/model.js';
import { architectureOf } from '../../lib/models/index.js';
import { cosine } from '../../lib/saliency/cosine.js';
import { denseCosine } from '../../lib/saliency/dense_cosine.js';
import { denseTaylorFirst } from '../../lib/saliency/dense_taylor_first.js';
import { denseTaylorSecond } from '../../lib/saliency/dense_taylor_second.js';
import { taylorFirst } from '../../lib/saliency/taylor_first.js';
import type { Saliency, SaliencyInput } from '../../lib/saliency/saliency.js';
import { grad, noGrad } from '../../lib/tensor/autograd.js';
import { add, scale } from '../../lib/tensor/ops.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import {
  handPartition,
  randomConfig,
  randomLlama,
  randomWeights,
} from '../fixtures/random_llama.js';
import { inType, slopeOf } from '../fixtures/scaled_units.js';
import { batchOf } from '../fixtures/tiny_training.js';
import { flat } from './lora_moments.js';

const batches = [batchOf(4, 2, 8), batchOf(5, 2, 8)];
const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;

/** The scores of a float64 LLaMA against slopes of its loss, of the unit or of what makes it. */
function equalsSlopes(saliency: Saliency, formula: (slopes: number[]) => number): void {
  for (const slices of ['all', 'producers'] as const) {
    const config = randomConfig({ width: 8, channels: 6, biases: true });
    using model = architectureOf(config).build(config, inType(randomWeights(3), 'float64'));
    const input = inputOf(model);
    const scores = saliency({ ...input, slices });
    for (const group of input.groups) {
      scores.get(group.id)?.forEach((score, u) => {
        const slopes = batches.map((batch) => slopeOf(model, group, u, batch, slices));
        const expected = formula(slopes);
        const size = formula(slopes.map(Math.abs));
        t.ok(Math.abs(score - expected) < 1e-4 * size, `${group.id} ${u}: ${score}, ${expected}`);
      });
    }
  }
}

function inputOf(
  model: Model,
  groups: readonly NodeGroup[] = handPartition(model).groups,
): SaliencyInput {
  const gradients = gradientStatistics(createContext(), model, groups, batches);
  return { model, groups, statistics: new Map(), gradients, removed: new Map(), seed: 0 };
}

t.test(
  'when the dense first order is asked for, then each is the slope of the loss along the unit',
  async () => {
    equalsSlopes(denseTaylorFirst, (slopes) => Math.abs(mean(slopes)));
  },
);

t.test(
  'when the dense second order is asked for, then each is half the mean square of the slopes',
  async () => {
    equalsSlopes(denseTaylorSecond, (slopes) => mean(slopes.map((x) => x * x)) / 2);
  },
);

t.test('when LoRA holds exactly −∇, then the dense forms are the LoRA forms', async (t) => {
  using model = randomLlama({ seed: 5 });
  const input = inputOf(model);
  stepDown(model);
  for (const slices of ['all', 'producers'] as const) {
    const told = { ...input, slices };
    for (const [dense, lora] of [
      [denseCosine, cosine],
      [denseTaylorFirst, taylorFirst],
    ] as const) {
      const expected = flat(lora(told));
      flat(dense(told)).forEach((score, i) => {
        t.ok(Math.abs(score - expected[i]!) < 1e-4, `${slices}: ${score}, ${expected[i]}`);
      });
    }
  }
});

t.test('when descent shrinks a unit, then its cosine is small', async (t) => {
  using model = randomLlama();
  const [group] = handPartition(model).groups;
  const input = inputOf(model, [group!]);
  const unit = { squared: 4, gradient: 9, innerSquares: 36 };
  const all = [
    { ...unit, inner: 6 },
    { ...unit, inner: -6 },
    { ...unit, inner: 0, gradient: 0 },
  ];
  const gradients = new Map([[group!.id, { all, producers: [] }]]);
  t.strictSame(flat(denseCosine({ ...input, gradients })), [0, 2, 1]);
});

t.test(
  'when a unit is removed, then it gets 0; without gradients the score is refused',
  async (t) => {
    using model = randomLlama();
    const input = inputOf(model);
    const [{ id }] = input.groups as [NodeGroup];
    const removed = new Map([[id, new Set([1])]]);
    for (const saliency of [denseCosine, denseTaylorFirst, denseTaylorSecond]) {
      const own = [...saliency({ ...input, removed }).get(id)!];
      t.strictSame(
        own,
        [...saliency(input).get(id)!].map((x, u) => (u === 1 ? 0 : x)),
      );
      const { gradients: _, ...bare } = input;
      t.throws(() => saliency(bare), { code: 'CONFIG_INVALID', facts: { group: id } });
    }
  },
);

/** Gives every linear the LoRA B = −∇, A = 1 on the same batches, by libtorch's own gradients. */
function stepDown(model: Model): void {
  const steps = [...model.linears().values()].map((linear) => {
    linear.weight.requiresGrad = true;
    const B = scoped(() => {
      const [first, second] = batches.map(
        (batch) => grad([nextTokenLoss(model, batch)], [linear.weight])[0] as Tensor,
      ) as [Tensor, Tensor];
      return keep(noGrad(() => scale(add(first, second), -1 / 2)));
    });
    linear.weight.requiresGrad = false;
    return [linear, B] as const;
  });
  for (const [linear, B] of steps) {
    const n = linear.inFeatures;
    const one = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    linear.lora = { A: keep(floatTensor(one, [n, n])), B, scale: 1 };
  }
}

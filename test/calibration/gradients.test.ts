import { type UnitGradient, gradientStatistics } from '../../lib/calibration/gradients.js';
import { createContext } from '../../lib/context.js';
import type { NodeGroup } from '../../lib/groups/group.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { architectureOf } from '../../lib/models/index.js';
import type { Model } from '../../lib/models/model.js';
import { attachLora, loraDropout, setLoraTraining } from '../../lib/lora/lora.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { add_, full } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import type { TokenBatch } from '../../lib/train/language_model_loss.js';
import { test } from '../fixtures/no_leak.js';
import { effectiveWeight } from '../fixtures/scoring.js';
import {
  handPartition,
  randomConfig,
  randomLlama,
  randomWeights,
  withLora,
} from '../fixtures/random_llama.js';
import { elementSlope, inType, slopeOf } from '../fixtures/scaled_units.js';
import { batchOf, discovered, snapshot, stoppingContext } from '../fixtures/tiny_training.js';

const ctx = createContext();
const batches = [batchOf(1, 2, 8), batchOf(2, 2, 8), batchOf(3, 2, 8)];
const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
const near = (a: number, b: number, size = Math.abs(b)): boolean =>
  Math.abs(a - b) <= 2e-5 * size + 1e-9;

/** A LLaMA in float64. */
function exactLlama(): Model {
  const config = randomConfig({ width: 8, channels: 6, biases: true });
  return architectureOf(config).build(config, inType(randomWeights(3), 'float64'));
}

for (const lora of [false, true]) {
  const how = lora ? 'with LoRA' : 'without LoRA';

  test(`${how}: ⟨x, ∇⟩ is the slope of the loss along the unit, of each batch and on average`, (t) => {
    using model = exactLlama();
    const all = lora ? discovered(model).groups : handPartition(model).groups;
    const groups = all.filter(({ prunable }) => prunable);
    if (lora) withFactors(model);
    const found = gradientStatistics(ctx, model, groups, batches);
    for (const group of groups) {
      for (const part of ['all', 'producers'] as const) {
        const units = found.get(group.id)?.[part] ?? [];
        t.equal(units.length, group.units);
        units.forEach(({ inner, innerSquares }, u) => {
          const slopes = batches.map((batch) => slopeOf(model, group, u, batch, part));
          const size = Math.max(...slopes.map(Math.abs));
          t.ok(near(inner, mean(slopes), size), `${group.id} ${u} ${part}: ${inner}`);
          t.ok(near(innerSquares, mean(slopes.map((x) => x * x)), size * size), `${innerSquares}`);
        });
      }
    }
  });

  test(`${how}: ‖x‖² and ‖∇‖² are those of each weight`, (t) => {
    using model = exactLlama();
    if (lora) withFactors(model);
    const { groups } = handPartition(model);
    const found = gradientStatistics(ctx, model, groups, batches);
    for (const group of groups.filter(({ kind }) => kind === 'mlp_channels')) {
      for (const u of [0, 4]) {
        const all = exactUnit(model, group, u);
        const { squared, gradient, inner } = found.get(group.id)?.all[u] as UnitGradient;
        t.ok(
          near(
            squared,
            all.reduce((sum, { x }) => sum + x * x, 0),
          ),
          `${squared}`,
        );
        t.ok(
          near(
            gradient,
            all.reduce((sum, { g }) => sum + g * g, 0),
          ),
          `${gradient}`,
        );
        t.ok(
          near(
            inner,
            all.reduce((sum, { x, g }) => sum + x * g, 0),
            Math.sqrt(squared * gradient),
          ),
        );
      }
    }
  });
}

/** LoRA by hand, in float64 as the model is. */
function withFactors(model: Model): void {
  const given = randomWeights(8);
  for (const linear of model.linears().values()) {
    const factor = inType(given, 'float64');
    const A = factor('A', [2, linear.inFeatures]);
    linear.lora = { A, B: factor('B', [linear.outFeatures, 2]), scale: 0.5 };
  }
}

/** Every base weight of a unit with its mean gradient, by differences. */
function exactUnit(model: Model, group: NodeGroup, u: number): { x: number; g: number }[] {
  const parameters = new Map(model.parameters());
  return group.slices
    .filter(({ lora }) => lora === null)
    .flatMap((slice) => {
      const tensor = parameters.get(slice.param)!;
      const own = sliceIndices(slice, group.units, u);
      const [, columns = 1] = tensor.shape;
      const path = slice.param.replace(/\.weight$/, '');
      const bias = tensor.shape.length === 1;
      const values = bias ? tensor.toArray() : effectiveWeight(model, path).flat();
      return values.flatMap((x, place) => {
        const at = slice.dim === 0 ? Math.floor(place / columns) : place % columns;
        if (!own.includes(at)) return [];
        return { x, g: mean(batches.map((batch) => elementSlope(model, tensor, place, batch))) };
      });
    });
}

test('when it ends, then no weight requires a gradient that did not, and none has one', (t) => {
  for (const lora of [false, true]) {
    using model = randomLlama({ biases: true });
    if (lora) withLora(model);
    const { groups } = handPartition(model);
    const asked = requiring(model);
    const before = snapshot(model);
    gradientStatistics(ctx, model, groups, batches);
    t.strictSame(requiring(model), asked);
    t.equal(asked.length, lora ? 2 * model.linears().size : 0);
    t.ok(withGrad(model).length === 0, 'no gradient is left');
    t.strictSame(snapshot(model), before);
  }
});

test('when it is aborted or a loss is no number, then the model is as it was, too', (t) => {
  using model = randomLlama();
  const { groups } = handPartition(model);
  const { ctx: stopping } = stoppingContext(2);
  t.throws(() => gradientStatistics(stopping, model, groups, batches), { code: 'RUN_ABORTED' });
  const empty: TokenBatch = { ids: Int32Array.of(3), batch: 1, length: 1 };
  t.throws(() => gradientStatistics(ctx, model, groups, [batches[0]!, empty]), {
    code: 'PRUNE_DIVERGED',
  });
  t.throws(() => gradientStatistics(ctx, model, groups, []), { code: 'DATA_EMPTY' });
  t.strictSame(requiring(model), []);
  t.strictSame(withGrad(model), []);
});

test('when groups go in several sets, then each is a pass over the batches with the same result', (t) => {
  using model = randomLlama();
  const { groups } = handPartition(model);
  const { ctx: counting, passed } = stoppingContext();
  const together = gradientStatistics(counting, model, groups, batches);
  t.equal(passed(), 3, 'one set');
  const apart = gradientStatistics(counting, model, groups, batches, { atOnce: 1 });
  t.equal(passed(), 3 + groups.length * 3, 'a set for each group');
  t.strictSame([...apart.keys()], [...together.keys()]);
  for (const { id } of groups) t.strictSame(apart.get(id), together.get(id));
});

test('when the weights are bfloat16, then sums are of float32', (t) => {
  const config = randomConfig();
  using model = architectureOf(config).build(config, inType(randomWeights(3), 'bfloat16'));
  const { groups } = handPartition(model);
  const found = gradientStatistics(ctx, model, groups, batches);
  // What a unit's weights square to must not be rounded to 8 bits.
  for (const group of groups) {
    for (let u = 0; u < group.units; u++) {
      const values = scoped(() => exactSquares(model, group, u));
      t.ok(near(found.get(group.id)?.all[u]?.squared ?? NaN, values), `${group.id} ${u}`);
    }
  }
});

function exactSquares(model: Model, group: NodeGroup, u: number): number {
  const parameters = new Map(model.parameters());
  return group.slices.reduce((total, slice) => {
    const tensor = parameters.get(slice.param)!;
    const own = sliceIndices(slice, group.units, u);
    const [, columns = 1] = tensor.shape;
    return tensor.toArray().reduce((sum, x, place) => {
      const at = slice.dim === 0 ? Math.floor(place / columns) : place % columns;
      return own.includes(at) ? sum + x * x : sum;
    }, total);
  }, 0);
}

function requiring(model: Model): string[] {
  return [...model.parameters()].filter(([, x]) => x.requiresGrad).map(([name]) => name);
}

function withGrad(model: Model): string[] {
  return scoped(() =>
    [...model.parameters()].filter(([, x]) => x.grad !== null).map(([name]) => name),
  );
}

test("when LoRA's dropout is on, then gradients are taken without it, and it is on again", (t) => {
  using model = randomLlama();
  attachLora(model, { r: 2, alpha: 4, seed: 3, dropout: 0.5 });
  for (const { lora } of model.linears().values()) {
    if (lora) noGrad(() => scoped(() => void add_(lora.B, full(lora.B.shape, 1), 0.1)));
  }
  const { groups } = handPartition(model);
  const off = gradientStatistics(ctx, model, groups, batches);
  setLoraTraining(model, true);
  t.strictSame(gradientStatistics(ctx, model, groups, batches), off);
  t.equal(loraDropout(model)?.training, true);
});

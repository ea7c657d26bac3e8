// A period over weights of few digits: what walks is where it should be on the way, and what is told arrives.
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { Walk, chooseUnits } from '../../lib/lhspg/period.js';
import { chosenSlices, factorsBeside, walkersOf } from '../../lib/lhspg/units.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { indexSelect, to, uniform_ } from '../../lib/tensor/ops.js';
import { randomStream } from '../../lib/tensor/random.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, longTensor } from '../../lib/tensor/tensor.js';
import { AdamW } from '../../lib/train/adamw.js';
import { familyFolder } from '../fixtures/families.js';
import { structuresOf } from '../fixtures/structures.js';
import { batchOf } from '../fixtures/tiny_training.js';

const steps = 200;

function values(model: Model, name: string): number[] {
  const parameter = new Map(model.parameters()).get(name) as Tensor;
  return scoped(() => to(parameter, 'cpu', 'float64').toArray());
}

function norm(model: Model, name: string, dim: number, indices: readonly number[]): number {
  const parameter = new Map(model.parameters()).get(name) as Tensor;
  return scoped(() => {
    const rows = indexSelect(parameter, dim, longTensor([...indices], [indices.length]));
    return Math.hypot(...to(rows, 'cpu', 'float32').toArray());
  });
}

for (const dtype of ['float32', 'bfloat16'] as const) {
  t.test(
    `when units of a ${dtype} model walk ${steps} steps, then half of them is left half-way, and all that was told arrives`,
    (t) => {
      const before = tensorCount();
      {
        using model = loadModel(familyFolder('llama3'), { dtype });
        const partition = structuresOf(model, ['mlp_channels'], { lora: true });
        attachLora(model, { r: 2, alpha: 4, seed: 0 });
        using optimizer = new AdamW(loraParameters(model));
        const quotas = new Map(
          partition.groups.filter(({ prunable }) => prunable).map(({ id }) => [id, 3]),
        );
        const { chosen, transfers } = chooseUnits(createContext(), {
          ...{ model, partition, quotas, removed: new Map(), calibration: [batchOf(1)] },
          ...{ saliency: 'magnitude', seed: 0, averaged: null, transfer: true },
        });
        const slices = chosenSlices(partition, chosen);
        const walkers = walkersOf(slices).filter(({ slice }) => slice.lora === null);
        const norms = (): number[] =>
          walkers.map(({ slice, indices }) => norm(model, slice.param, slice.dim, indices));
        const started = norms();
        const aims = transfers.map(({ path, told }) => {
          const weight = values(model, `${path}.weight`);
          return {
            name: `${path}.weight`,
            weight,
            told: scoped(() => to(told, 'cpu', 'float64').toArray()),
          };
        });
        const walk = new Walk(
          model,
          partition,
          optimizer,
          { form: 'transfer', epsilon: 0, pull: 'linear' },
          chosen,
          transfers,
        );
        const factors = factorsBeside(slices, []);
        const random = randomStream(3);
        for (let step = 0; step < steps; step++) {
          // What an optimiser does to all factors.
          noGrad(() =>
            scoped(() => {
              for (const factor of loraParameters(model).values())
                uniform_(factor, -0.1, 0.1, random.id);
            }),
          );
          walk.step(steps - step, steps, false);
          if (step % 7 === 0) {
            for (const { slice, indices } of factors) {
              const left = norm(model, slice.param, slice.dim, indices);
              t.equal(left, 0, `${slice.param} after step ${step}`);
            }
          }
          if (step + 1 !== steps / 2) continue;
          for (const [i, now] of norms().entries()) {
            const share = now / (started[i] ?? NaN);
            t.ok(Math.abs(share - 0.5) < 0.01, `half-way ${share} of it is left`);
          }
        }
        for (const now of norms()) t.equal(now, 0, 'all is gone');
        for (const { name, weight, told } of aims) {
          const now = values(model, name);
          const [gap, size] = [0, 1].map((which) =>
            Math.hypot(
              ...now.map((x, i) => {
                if (told[i] === 0) return 0;
                return which === 0 ? x - (weight[i] ?? NaN) - (told[i] ?? NaN) : (told[i] ?? NaN);
              }),
            ),
          ) as [number, number];
          const ulp = Math.hypot(...weight) * 2 ** -9;
          t.ok(
            gap < (dtype === 'float32' ? 1e-4 * size : ulp),
            `${name}: ${gap} of ${size}, ulp ${ulp}`,
          );
          t.ok(size > 4 * ulp, 'more was told than one rounding takes');
        }
        walk.dispose();
      }
      t.equal(tensorCount(), before);
      t.end();
    },
  );
}

// Every family and every kind of group goes through LHSPG: what is chosen leaves, and each cut is proved on the way.
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { createSampler } from '../../lib/data/sampler.js';
import { windows } from '../../lib/data/packing.js';
import { type GroupKind, composedKinds } from '../../lib/groups/group.js';
import { lhspg } from '../../lib/lhspg/train.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder } from '../fixtures/families.js';
import { inFolder, smallOptions } from '../fixtures/lhspg_run.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';
import { batchOf, madeUpText } from '../fixtures/tiny_training.js';

const ctx = createContext();

const choices: readonly (readonly GroupKind[])[] = [
  ['attention_heads', 'mlp_channels', 'expert_channels'],
  ['query_heads'],
  ['experts'],
  ['sublayer'],
  ['residual'],
];

for (const name of families()) {
  for (const kinds of choices) {
    for (const form of kinds === choices[0]
      ? (['transfer', 'paper'] as const)
      : (['transfer'] as const)) {
      t.test(
        `when ${kinds.join(', ')} of ${name} are pruned in the ${form} form, then they are gone`,
        (t) => {
          const before = tensorCount();
          const open = () => loadModel(familyFolder(name));
          const dense = open();
          const partition = structuresOf(dense, kinds, { lora: true });
          const totals = new Map(
            [...someUnits(partition, kinds, 3)].map(([id, { length }]) => [id, length]),
          );
          if (totals.size === 0) {
            dense.dispose();
            return t.end();
          }
          const text = { name: 'x', windows: windows({ ids: madeUpText(12 * 20 + 1, 1) }, 12) };
          const sampler = createSampler({ sources: [text], seed: 5 });
          const data = { sampler, calibration: [batchOf(1)], probe: batchOf(2) };
          const { model, ...result } = inFolder((dir) =>
            lhspg(
              ctx,
              {
                open,
                partition,
                totals,
                guarded: new Set(),
                ...data,
                stateDir: join(dir, 'state'),
              },
              {
                ...smallOptions,
                form,
                saliency: 'magnitude',
                learningRate: 1e-3,
                periods: 2,
                steps: 5,
                warmupSteps: 1,
                saveEvery: 3,
              },
            ),
          );
          const lost = [...totals].reduce((sum, [, count]) => sum + count, 0);
          t.equal(
            result.kept.reduce((sum, { removed }) => sum + removed.length, 0),
            lost,
          );
          const found = structuresOf(model, kinds);
          t.ok(found.parameters < partition.parameters);
          if (!kinds.some((kind) => composedKinds.has(kind))) {
            for (const { id, units } of partition.groups) {
              const now = found.groups.find((group) => group.id === id);
              const count = totals.get(id);
              if (count !== undefined && now && units - count > 1)
                t.equal(now.units, units - count, id);
            }
          }
          t.ok(result.losses.every(({ loss }) => Number.isFinite(loss)));
          model.dispose();
          dense.dispose();
          t.equal(tensorCount(), before, 'nothing leaks');
          t.end();
        },
      );
    }
  }
}

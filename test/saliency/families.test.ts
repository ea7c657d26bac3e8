import t from 'tap';
import { gradientStatistics } from '../../lib/calibration/gradients.js';
import { disposeStatistics, inputStatistics } from '../../lib/calibration/input_statistics.js';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { cuttableKinds } from '../../lib/groups/group.js';
import { scoreGroups } from '../../lib/saliency/mix.js';
import { saliencyFacts, saliencyNames } from '../../lib/saliency/names.js';
import { inputPaths } from '../../lib/saliency/readers.js';
import type { SaliencyInput } from '../../lib/saliency/saliency.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import type { TokenBatch } from '../../lib/train/language_model_loss.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { withLora } from '../fixtures/random_llama.js';
import { structuresOf } from '../fixtures/structures.js';

for (const family of families()) {
  t.test(
    `when the units of ${family} are scored, then each has a number by every saliency`,
    async (t) => {
      const count = tensorCount();
      const { tokens } = oracleOf(family);
      const batches = tokens.map((row): TokenBatch => ({
        ids: Int32Array.from(row),
        batch: 1,
        length: row.length,
      }));
      const model = loadModel(familyFolder(family));
      withLora(model);
      const all = structuresOf(model, cuttableKinds, { lora: true }).groups.filter(
        (g) => g.prunable,
      );
      const read = all.filter(({ kind }) => kind !== 'vocabulary');
      const ctx = createContext();
      const statistics = inputStatistics(ctx, model, inputPaths(model, read), batches);
      const gradients = gradientStatistics(ctx, model, all, batches);
      const told = { model, statistics, gradients, removed: new Map(), seed: 3 };
      for (const name of saliencyNames) {
        // Embeddings are read by no linear of the blocks and carry no LoRA.
        const { needs } = saliencyFacts[name];
        const refused = needs !== 'weights' && needs !== 'gradients';
        const input: SaliencyInput = { ...told, groups: refused ? read : all };
        const scores = scoreGroups(input, name);
        t.equal(scores.size, input.groups.length);
        const wrong = input.groups.filter(({ id, units }) => {
          const own = scores.get(id);
          return own?.length !== units || own.some((x) => !(x >= 0 && x < Infinity));
        });
        t.strictSame(
          wrong.map(({ id }) => id),
          [],
          name,
        );
        // Experts that no token went to have no inputs and no gradient; in all other groups units differ.
        const silent = input.groups.filter(
          ({ id, kind, units }) =>
            units > 1 && !kind.startsWith('expert') && new Set(scores.get(id)).size < units / 2,
        );
        t.strictSame(
          silent.map(({ id }) => id),
          [],
          `${name} tells units apart`,
        );
        const vocabulary = all.filter((group) => !read.includes(group));
        if (refused && vocabulary.length > 0) {
          t.throws(() => scoreGroups({ ...told, groups: vocabulary }, name), {
            code: 'CONFIG_INVALID',
            facts: { kind: 'vocabulary' },
          });
        }
      }
      disposeStatistics(statistics);
      model.dispose();
      t.equal(tensorCount(), count, 'no tensor is left');
    },
  );
}

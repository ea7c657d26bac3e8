// No structure depends on another being cut with it: each unit alone leaves a model that runs.
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { compress } from '../../lib/compress/slice.js';
import { cuttableKinds } from '../../lib/groups/group.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder } from '../fixtures/families.js';
import { logitsOf } from '../fixtures/family_model.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { structuresOf } from '../fixtures/structures.js';

/** Rows that stay whatever single row of the vocabulary goes. */
const tokens = [[3, 4, 5]];

for (const name of families()) {
  t.test(`when one unit of one group of ${name} is cut, then the rest still runs`, (t) => {
    const before = tensorCount();
    const model = loadModel(familyFolder(name));
    const size = [...model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
    let cut = 0;
    for (const kind of cuttableKinds) {
      const whole = structuresOf(model, [kind]);
      for (const group of whole.groups) {
        if (!group.prunable || group.kind !== kind) continue;
        const draw = randomNumbers(cut++, 1)[0]! + 0.5;
        const unit = Math.floor(draw * group.units);
        // One query head each of all key-value heads is the smallest such cut.
        const blocks = group.blocks ?? 1;
        const units = Array.from(
          { length: blocks },
          (_, b) => b * (group.units / blocks) + (unit % (group.units / blocks)),
        );
        if (group.units / blocks < 2 && group.slices.length > 0 && kind === 'query_heads') continue;
        // The channels of a layer's experts have one number.
        const alike = whole.groups.filter(
          (g) =>
            g.id === group.id ||
            (kind === 'expert_channels' && g.kind === kind && g.layer === group.layer),
        );
        const removed = new Map(alike.map(({ id }) => [id, units]));
        const compact = compress(model, whole, removed);
        const logits = logitsOf(compact, tokens).flat(2);
        const left = [...compact.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
        if (!logits.every(Number.isFinite) || left >= size) t.fail(`${group.id} ${unit}`);
        compact.dispose();
      }
    }
    t.ok(cut > 2, `${cut} groups`);
    model.dispose();
    t.equal(tensorCount(), before);
    t.end();
  });
}

// What must hold of the partition of any model of LLaMA's form, whatever its sizes (design §4).
import t from 'tap';
import { createRandom } from '../../lib/data/random.js';
import {
  type GroupKind,
  type NodeGroup,
  type Partition,
  composedKinds,
  cuttableKinds,
} from '../../lib/groups/group.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { architectureOf } from '../../lib/models/index.js';
import type { RawConfig } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { randomConfig } from '../fixtures/random_llama.js';
import { structuresOf } from '../fixtures/structures.js';

const random = createRandom(20231018);
const between = (low: number, high: number): number =>
  low + Math.floor(random.uniform() * (high - low + 1));

function drawn(): { config: RawConfig; lora: boolean } {
  const kvHeads = between(1, 4);
  const headDim = 2 * between(1, 4);
  return {
    config: randomConfig({
      kvHeads,
      heads: kvHeads * between(1, 4),
      headDim,
      width: between(5, 40),
      channels: between(2, 30),
      layers: between(1, 4),
      tied: random.uniform() < 0.5,
      biases: random.uniform() < 0.5,
    }),
    lora: random.uniform() < 0.5,
  };
}

/** Every index of every parameter dimension that units of this kind hold, and how often. */
function held({ groups }: Partition, kind: GroupKind): Map<string, Map<number, number>> {
  const counts = new Map<string, Map<number, number>>();
  for (const group of groups.filter((g) => g.kind === kind && g.prunable)) {
    for (const slice of group.slices) {
      const key = `${slice.param} ${slice.dim}`;
      const own = counts.get(key) ?? new Map<number, number>();
      counts.set(key, own);
      for (let unit = 0; unit < group.units; unit++) {
        for (const i of sliceIndices(slice, group.units, unit)) own.set(i, (own.get(i) ?? 0) + 1);
      }
    }
  }
  return counts;
}

for (let round = 0; round < 25; round++) {
  const { config, lora } = drawn();
  const { num_attention_heads: H, num_key_value_heads: K } = config as Record<string, number>;
  const title = `${H} heads of ${K}, width ${String(config['hidden_size'])}${lora ? ', LoRA' : ''}`;
  t.test(`when a model is drawn (${title}), then every index is in one unit of a kind`, (t) => {
    const all = structuresOf({ config }, cuttableKinds, { lora });
    for (const kind of cuttableKinds) {
      for (const [where, counts] of held(all, kind)) {
        if (composedKinds.has(kind)) continue;
        t.ok(
          [...counts.values()].every((n) => n === 1),
          `${kind} ${where}`,
        );
      }
    }
    using model = architectureOf(config).build(config, metaWeights());
    const sizes = new Map([...model.parameters()].map(([name, { size }]) => [name, size]));
    const costOf = (group: NodeGroup): number =>
      group.slices.reduce(
        (sum, { param, lora: l }) => sum + (l === null ? (sizes.get(param) ?? NaN) : 0),
        0,
      );
    const layers = all.groups.filter(({ kind }) => kind === 'layer');
    t.equal(layers.length, Number(config['num_hidden_layers']));
    for (const group of layers) t.equal(group.cost, costOf(group), group.id);
    const again = structuresOf({ config }, cuttableKinds, { lora });
    t.equal(again.fingerprint, all.fingerprint, 'found twice, it is the same');
    t.end();
  });
}

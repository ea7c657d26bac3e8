import t from 'tap';
import type { NodeGroup, Partition } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { verifyPartition } from '../../lib/groups/verify.js';
import { symbolicLlama } from './symbolic_llama.js';

const graph = symbolicLlama();
const heads = 'layers.0.self_attn.heads';
const channels = 'layers.1.mlp.channels';

/** The same, to be written to. */
type Draft<T> = { -readonly [K in keyof T]: Draft<T[K]> };
type Change = (group: (id: string) => Draft<NodeGroup>, draft: Draft<Partition>) => void;

function changed(change: Change): Partition {
  const draft = JSON.parse(JSON.stringify(partition(graph))) as Draft<Partition>;
  change((id) => draft.groups.find((group) => group.id === id)!, draft);
  return draft;
}

t.test('when a partition is whole, then it passes, also from its JSON', (t) => {
  t.doesNotThrow(() =>
    verifyPartition(
      changed(() => undefined),
      graph,
    ),
  );
  t.end();
});

const faults: Record<string, Change> = {
  'two groups have one name': (g) => (g(heads).id = channels),
  'a group is prunable and says why not': (g) => (g(heads).reason = 'because'),
  'a group is not prunable and says nothing': (g) => delete g('residual').reason,
  'a slice names a parameter that is not there': (g) => (g(heads).slices[0]!.param = 'nowhere'),
  'a slice has another extent': (g) => (g(heads).slices[0]!.extent = 25),
  'a slice has a dimension too many': (g) => (g(heads).slices[0]!.dim = 2),
  'units reach beyond the parameter': (g) => (g(heads).slices[0]!.offset = 1),
  'there is one unit too many': (g) => g(heads).units++,
  'a cost is wrong': (g) => g(channels).cost--,
  'the number of parameters is wrong': (_g, draft) => draft.parameters++,
  'a group is missing': (_g, draft) => void draft.groups.splice(0, 1),
  'two prunable groups share an index': (g) => {
    delete g('layers.0.self_attn.value_width').reason;
    g('layers.0.self_attn.value_width').prunable = true;
  },
};

for (const [what, change] of Object.entries(faults)) {
  t.test(`when ${what}, then the partition is refused`, (t) => {
    t.throws(() => verifyPartition(changed(change), graph), { code: 'PARTITION_INVALID' });
    t.end();
  });
}

t.test('when the partition is of another model, then it is refused', (t) => {
  const other = partition(symbolicLlama({ channels: 12 }));
  t.throws(() => verifyPartition(other, graph), { code: 'PARTITION_INVALID' });
  t.end();
});

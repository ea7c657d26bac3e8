import t from 'tap';
import type { NodeGroup, Partition, Slice } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { verifyPartition } from '../../lib/groups/verify.js';
import { Symbolic } from '../graph/symbolic.js';
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

t.test('when whole parameters of units are wrong, then the partition is refused', (t) => {
  const s = new Symbolic();
  const x = s.embedding(s.parameter('table', 9, 4), s.input(3));
  const small = s.finish(s.linear(x, s.parameter('layers.0.w', 6, 4)));
  const whole = partition(small);
  const own: Slice = {
    ...{ param: 'layers.0.w', dim: 0, extent: 6, offset: 0, outer: 1, inner: 6 },
    ...{ role: 'producer', lora: null, carrier: false, only: 0 },
  };
  const refused = (change: Partial<Slice>, more: Partial<NodeGroup> = {}) => {
    const group: NodeGroup = {
      ...{ id: 'layers.0.experts', kind: 'experts', layer: 0, units: 2, least: 1, cost: 24 },
      ...{ slices: [{ ...own, ...change }], prunable: true, ...more },
    };
    return () => verifyPartition({ ...whole, groups: [...whole.groups, group] }, small);
  };
  t.doesNotThrow(refused({}), 'others may cut what a unit has as a whole');
  t.throws(refused({ inner: 7 }), { code: 'PARTITION_INVALID', message: /beyond its 6/ });
  t.throws(refused({ only: 2 }, { cost: 0 }), { code: 'PARTITION_INVALID' }, 'no such unit');
  t.throws(refused({}, { least: 2 }), { code: 'PARTITION_INVALID', message: /2 of 2 units must/ });
  t.end();
});

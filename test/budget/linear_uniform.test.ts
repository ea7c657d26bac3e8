// Rule `layer` where units cost the same whatever else is gone.
import t from 'tap';
import { keptHeadsRule } from '../../lib/checkpoint/export_config.js';
import { type Allocation, type BudgetOptions, allocate } from '../../lib/budget/allocate.js';
import { compress } from '../../lib/compress/slice.js';
import type { GroupKind, NodeGroup, Partition } from '../../lib/groups/group.js';
import { groupOf, linearCosts } from '../fixtures/linear_costs.js';
import { handPartition, randomConfig, randomLlama, randomUnits } from '../fixtures/random_llama.js';

interface Sizes {
  layers: number;
  kvHeads: number;
  headCost: number;
  channels: number;
  channelCost: number;
  parameters: number;
}

function partitionOf(s: Sizes): Partition {
  const groups = Array.from({ length: s.layers }, (_, i) => [
    groupOf('attention_heads', i, s.kvHeads, s.headCost),
    groupOf('mlp_channels', i, s.channels, s.channelCost),
  ]).flat();
  return { groups, parameters: s.parameters, fingerprint: '' };
}

// Two query heads of 32 and their kv head at a hidden size of 256; 704 channels; six layers; tied vocabulary of 4096.
const mix5M: Sizes = {
  layers: 6,
  kvHeads: 4,
  headCost: 6 * 32 * 256,
  channels: 704,
  channelCost: 3 * 256,
  parameters: 5_475_584,
};
const stories260K: Sizes = {
  layers: 5,
  kvHeads: 4,
  headCost: 6 * 8 * 64,
  channels: 172,
  channelCost: 3 * 64,
  parameters: 260_032,
};

type Options = Omit<BudgetOptions, 'target' | 'rule'>;

/** One unit of each group may be all that stays. */
const planWidths = (partition: Partition, ratio: number, options: Options = {}): Allocation =>
  allocate(linearCosts(partition), {
    ...{ target: { measure: 'parameters', ratio }, rule: 'layer', floor: 0 },
    ...options,
  });

const cut = (plan: Allocation): [number, number] => [
  plan.kvHeadsRemovedPerLayer ?? NaN,
  plan.channelsRemovedPerLayer ?? NaN,
];

t.test('when heads and channels share the loss, then the widths are those of the spike', (t) => {
  t.same(cut(planWidths(partitionOf(mix5M), 0.2)), [1, 174]);
  t.same(cut(planWidths(partitionOf(mix5M), 0.5)), [2, 466]);
  t.same(cut(planWidths(partitionOf(stories260K), 0.2)), [1, 38]);
  t.same(cut(planWidths(partitionOf(stories260K), 0.5)), [2, 103]);
  t.end();
});

t.test('when a plan is made, then it is within half a percent of all parameters', (t) => {
  for (const sizes of [mix5M, stories260K]) {
    const partition = partitionOf(sizes);
    for (let ratio = 0.01; ratio < 0.7; ratio += 0.01) {
      const plan = planWidths(partition, ratio);
      t.ok(Math.abs(plan.achieved - ratio) <= 0.005, `${ratio}`);
      const [k, c] = cut(plan);
      t.ok(k < sizes.kvHeads && c < sizes.channels, 'a head and a channel stay');
      t.equal(plan.parameters, sizes.layers * (k * sizes.headCost + c * sizes.channelCost));
    }
  }
  t.end();
});

t.test('when a plan is made, then every group has its quota and the cut has those widths', (t) => {
  const model = randomLlama({ heads: 8, kvHeads: 4, channels: 40, width: 32 });
  const partition = handPartition(model);
  const [heads, channels] = partition.groups as [NodeGroup, NodeGroup];
  const wanted = (2 * (heads.cost + 10 * channels.cost)) / partition.parameters;
  const plan = planWidths(partition, wanted);
  const [k, c] = cut(plan);
  t.same([k, c], [1, 10]);
  for (const { id, kind } of partition.groups) {
    t.equal(plan.counts.get(id), kind === 'attention_heads' ? k : c, id);
  }
  const compact = compress(model, partition, randomUnits(partition, k, c));
  const size = [...compact.parameters()].reduce((sum, [, p]) => sum + p.size, 0);
  t.equal(size, partition.parameters - plan.parameters);
  t.end();
});

t.test('when the number of kv heads is given, then the channels make up the rest', (t) => {
  t.same(cut(planWidths(partitionOf(mix5M), 0.2, { kvHeads: 0 })), [0, 238]);
  t.same(cut(planWidths(partitionOf(mix5M), 0.2, { kvHeads: 2 })), [2, 110]);
  const wrong = (kvHeads: number, options: Options = {}): void => {
    t.throws(() => planWidths(partitionOf(mix5M), 0.2, { ...options, kvHeads }), {
      code: 'CONFIG_INVALID',
      hint: String,
    });
  };
  wrong(4);
  wrong(-1);
  wrong(1.5);
  t.throws(
    () => planWidths(partitionOf(mix5M), 0.2, { kvHeads: 9 }),
    { code: 'CONFIG_INVALID', facts: { nearest: 3 } },
    'the nearest is named',
  );
  t.end();
});

t.test('when only a llama will do, then the heads that stay divide the hidden size', (t) => {
  const config = {
    model_type: 'llama',
    hidden_size: 256,
    num_attention_heads: 8,
    num_key_value_heads: 4,
  };
  const allowKept = keptHeadsRule(config, { stock: 'llama' });
  t.same(cut(planWidths(partitionOf(mix5M), 0.2, { allowKept })), [0, 238], 'not 6 heads of 256');
  t.same(cut(planWidths(partitionOf(mix5M), 0.5, { allowKept })), [2, 466]);
  t.throws(() => planWidths(partitionOf(mix5M), 0.2, { kvHeads: 1, allowKept }), {
    code: 'CONFIG_INVALID',
    facts: { asked: 1, allowed: [0, 2, 3] },
  });
  t.end();
});

t.test('when the model has biases, then its heads are held to the rule of llama', (t) => {
  const plain = randomConfig({ heads: 8, kvHeads: 4, width: 16 });
  const biased = randomConfig({ heads: 8, kvHeads: 4, width: 16, biases: true });
  const kept = (config: typeof plain): number[] => [1, 2, 3, 4].filter(keptHeadsRule(config));
  t.same(kept(plain), [1, 2, 3, 4]);
  t.same(kept(biased), [1, 2, 4]);
  t.end();
});

t.test(
  'when the ratio cannot be met, then the nearest that can is named and nothing is planned',
  (t) => {
    const refused = (ratio: number, nearest: number, partition: Partition, options = {}): void => {
      let thrown: { code?: string; facts?: { nearest?: number } } = {};
      try {
        planWidths(partition, ratio, options);
      } catch (error) {
        thrown = error as typeof thrown;
      }
      t.equal(thrown.code, 'RATIO_UNREACHABLE', `${ratio}`);
      t.ok(Math.abs((thrown.facts?.nearest ?? NaN) - nearest) < 1e-4, `nearest ${nearest}`);
    };
    const all = (6 * (3 * mix5M.headCost + 703 * mix5M.channelCost)) / mix5M.parameters;
    const one = (6 * mix5M.channelCost) / mix5M.parameters;
    refused(0.9, all, partitionOf(mix5M));
    refused(1, all, partitionOf(mix5M));
    refused(20, all, partitionOf(mix5M));
    refused(0, one, partitionOf(mix5M));
    refused(-0.2, one, partitionOf(mix5M));
    refused(0.7, (6 * 703 * mix5M.channelCost) / mix5M.parameters, partitionOf(mix5M), {
      kvHeads: 0,
    });
    // 10 % steps: what lies between cannot be had within half a percent
    const coarse = {
      layers: 1,
      kvHeads: 4,
      headCost: 100,
      channels: 4,
      channelCost: 100,
      parameters: 1000,
    };
    refused(0.33, 0.3, partitionOf(coarse));
    t.throws(() => planWidths(partitionOf(mix5M), NaN), { code: 'CONFIG_INVALID' });
    t.end();
  },
);

t.test('when only one kind may be cut, then it carries all of the loss', (t) => {
  const whole = partitionOf(mix5M);
  const only = (kind: GroupKind): Partition => ({
    ...whole,
    groups: whole.groups.map((g) => ({ ...g, prunable: g.kind === kind })),
  });
  t.same(cut(planWidths(only('mlp_channels'), 0.2)), [0, 238]);
  const plan = planWidths(only('attention_heads'), 0.108);
  t.same(cut(plan), [2, 0]);
  t.equal(plan.counts.size, 6);
  t.throws(() => planWidths({ ...whole, groups: [] }, 0.2), { code: 'RATIO_UNREACHABLE' });
  t.end();
});

t.test('when one layer may not be cut, then its kind is not cut', (t) => {
  const whole = partitionOf(mix5M);
  const [first, ...others] = whole.groups as [NodeGroup, ...NodeGroup[]];
  const frozen = { ...whole, groups: [{ ...first, prunable: false }, ...others] };
  t.equal(planWidths(frozen, 0.2).kvHeadsRemovedPerLayer, 0);
  t.end();
});

t.test('when layers differ in size, then they lose the same share, and the rest is spent', (t) => {
  const groups = [
    ...[groupOf('attention_heads', 0, 8, 1000), groupOf('mlp_channels', 0, 400, 40)],
    ...[groupOf('attention_heads', 1, 4, 1000), groupOf('mlp_channels', 1, 100, 40)],
  ];
  const partition = { groups, parameters: 40_000, fingerprint: '' };
  for (const ratio of [0.2, 0.5, 0.7]) {
    const { counts, achieved, channels, channelsRemovedPerLayer } = planWidths(partition, ratio);
    t.ok(Math.abs(achieved - ratio) <= 0.005, `${ratio}`);
    const lost = (id: string): number => counts.get(id) ?? NaN;
    t.ok(Math.abs(lost('0.attention_heads') / 8 - lost('1.attention_heads') / 4) <= 0.125);
    t.ok(Math.abs(lost('0.mlp_channels') / 400 - lost('1.mlp_channels') / 100) <= 0.005);
    t.match(
      { channels, channelsRemovedPerLayer },
      { channels: null, channelsRemovedPerLayer: null },
    );
  }
  t.end();
});

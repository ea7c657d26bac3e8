import t from 'tap';
import { dimensionsOf } from '../../lib/graph/dimensions.js';
import type { Graph } from '../../lib/graph/graph.js';
import { describePartition } from '../../lib/groups/describe.js';
import { expertsOf } from '../../lib/groups/experts.js';
import type { NodeGroup, Partition } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { verifyPartition } from '../../lib/groups/verify.js';
import { mixtralConfig, moeKinds, moePartition, qwen3MoeConfig } from '../fixtures/random_moe.js';
import { Symbolic } from '../graph/symbolic.js';
import { printSlice } from './expected_llama.js';

const find = ({ groups }: Partition, id: string): NodeGroup =>
  groups.find((group) => group.id === id)!;
const kindsOf = ({ groups }: Partition, kind: string): string[] =>
  groups.filter((group) => group.kind === kind).map(({ id }) => id);

t.test('when a Mixtral is partitioned, then experts and their channels are as by hand', (t) => {
  const found = moePartition(mixtralConfig);
  t.strictSame(
    kindsOf(found, 'experts'),
    [0, 1].map((l) => `layers.${l}.block_sparse_moe.experts`),
  );
  t.strictSame(kindsOf(found, 'mlp_channels'), [], 'channels of experts are a kind of their own');
  t.equal(kindsOf(found, 'expert_channels').length, 2 * 5);

  const experts = find(found, 'layers.1.block_sparse_moe.experts');
  const { kind, layer, units, least, prunable, cost } = experts;
  t.strictSame(
    { kind, layer, units, least, prunable, cost },
    // one row of the router (16), and three matrices of 6·16
    { kind: 'experts', layer: 1, units: 5, least: 2, prunable: true, cost: 16 + 3 * 6 * 16 },
  );
  const at = 'model.layers.1.block_sparse_moe';
  t.strictSame(experts.slices.map(printSlice), [
    `${at}.gate.weight 0 of 5: 0+1×1 producer`,
    ...[0, 1, 2, 3, 4].flatMap((e) => [
      `${at}.experts.${e}.w1.weight 0 of 6: 0+1×6 producer`,
      `${at}.experts.${e}.w3.weight 0 of 6: 0+1×6 producer`,
      `${at}.experts.${e}.w2.weight 0 of 16: 0+1×16 producer`,
    ]),
  ]);
  t.strictSame(
    experts.slices.map(({ only }) => only),
    [undefined, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4],
  );
  const held = experts.slices.filter((slice) => sliceIndices(slice, units, 3).length > 0);
  t.strictSame(
    held.map(({ param }) => param.slice(at.length + 1)),
    ['gate.weight', 'experts.3.w1.weight', 'experts.3.w3.weight', 'experts.3.w2.weight'],
  );

  const channels = find(found, 'layers.0.block_sparse_moe.experts.4.channels');
  t.strictSame(
    [channels.kind, channels.units, channels.cost, channels.layer],
    ['expert_channels', 6, 48, 0],
  );
  t.strictSame(channels.slices.map(printSlice), [
    'model.layers.0.block_sparse_moe.experts.4.w1.weight 0 of 6: 0+1×1 producer',
    'model.layers.0.block_sparse_moe.experts.4.w3.weight 0 of 6: 0+1×1 producer carrier',
    'model.layers.0.block_sparse_moe.experts.4.w2.weight 1 of 6: 0+1×1 consumer',
  ]);
  t.match(
    describePartition(found),
    /experts\.0\.w2: 16 of 16 rows\n {2}layers/,
    'one unit is shown',
  );
  t.end();
});

t.test('when layers are of both sorts, then each has the groups of its own sort', (t) => {
  const found = moePartition(qwen3MoeConfig);
  t.strictSame(kindsOf(found, 'experts'), ['layers.1.mlp.experts']);
  t.strictSame(kindsOf(found, 'mlp_channels'), ['layers.0.mlp.channels', 'layers.2.mlp.channels']);
  t.strictSame(
    kindsOf(found, 'expert_channels'),
    [0, 1, 2, 3].map((e) => `layers.1.mlp.experts.${e}.channels`),
  );
  const { least, cost } = find(found, 'layers.1.mlp.experts');
  t.strictSame([least, cost], [3, 16 + 3 * 5 * 16]);
  const width = find(found, 'layers.1.self_attn.query_key_width');
  t.ok(width.slices.some(({ param }) => param.endsWith('self_attn.q_norm.weight')));
  t.end();
});

t.test('when LoRA is attached, then its factors belong to their expert', (t) => {
  const [plain, lora] = [moePartition(mixtralConfig), moePartition(mixtralConfig, 3)];
  const id = 'layers.0.block_sparse_moe.experts';
  const own = find(lora, id).slices.filter(({ only }) => only === 2);
  t.strictSame(
    own.map(({ param, lora: factor }) => [param.replace(/^.*experts\.2\./, ''), factor]),
    ['w1', 'w3', 'w2'].flatMap((name) => [
      [`${name}.weight`, null],
      [`${name}.lora_A.weight`, 'A'],
      [`${name}.lora_B.weight`, 'B'],
    ]),
  );
  t.equal(find(lora, id).cost, find(plain, id).cost, 'which costs nothing');
  t.equal(lora.parameters, plain.parameters);
  t.end();
});

t.test('when every token goes to all experts, then none may go', (t) => {
  const found = moePartition({ ...mixtralConfig, num_experts_per_tok: 5 });
  const { prunable, reason } = find(found, 'layers.0.block_sparse_moe.experts');
  t.strictSame([prunable, reason], [false, 'each token goes to all of them']);
  t.end();
});

interface Variant {
  /** Parameters that expert 1 shares with expert 0, or with what is outside. */
  readonly shared?: 'experts' | 'outside';
  /** How the scores are made. */
  readonly scores?: string;
}

/** Two linears of four features, weighted by their columns of the scores of a router. */
function mixture({ shared, scores = 'softmax.int' }: Variant = {}): Graph {
  const s = new Symbolic();
  const x = s.embedding(s.parameter('table', 9, 4), s.input(3));
  const router = s.linear(x, s.parameter('layers.0.gate', 2, 4));
  const shares = s.unary(scores, router, { dim: -1 });
  const [best, indices] = s.call('topk', [['self', shares]], { k: 1, dim: -1 }, [3, 1], [3, 1]);
  const routed = s.one(
    'scatter.src',
    [
      ['self', s.unary('zeros_like', shares)],
      ['index', indices!],
      ['src', best!],
    ],
    { dim: -1 },
    [3, 2],
  );
  const first = s.parameter('layers.0.experts.0', 4, 4);
  const second = shared === 'experts' ? first : s.parameter('layers.0.experts.1', 4, 4);
  const parts = [first, second].map((weight, e) => {
    const column = s.one('select.int', [['self', routed]], { dim: -1, index: e - 2 }, [3]);
    const share = s.one('unsqueeze', [['self', column]], { dim: -1 }, [3, 1]);
    return e === 0 ? s.mul(s.linear(x, weight), share) : s.mul(share, s.linear(x, weight));
  });
  const y = s.add(parts[0]!, parts[1]!);
  return s.finish(shared === 'outside' ? s.add(y, s.linear(x, second)) : y);
}

const count = (graph: Graph): number => {
  const dimensions = dimensionsOf(graph);
  return expertsOf(graph, dimensions, dimensions.atoms.marks()).size;
};

t.test('when a class is no mixture of experts, then it is not taken for one', (t) => {
  const graph = mixture();
  const found = partition(graph, { kinds: moeKinds });
  verifyPartition(found, graph);
  const experts = find(found, 'layers.0.experts');
  t.strictSame(
    experts.slices.map(({ param, only }) => [param, only]),
    [
      ['layers.0.gate', undefined],
      ['layers.0.experts.0', 0],
      ['layers.0.experts.1', 1],
    ],
  );
  t.equal(count(graph), 1, 'columns are counted from either end, products are in either order');
  t.equal(count(mixture({ shared: 'experts' })), 0, 'experts that share their weights');
  t.equal(count(mixture({ shared: 'outside' })), 0, 'an expert that is needed elsewhere');
  t.equal(
    count(mixture({ scores: 'sigmoid' })),
    0,
    'scores that −∞ does not take out of the others',
  );
  t.end();
});

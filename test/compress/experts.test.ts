import t from 'tap';
import { closeExperts, expertSizes } from '../../lib/compress/experts.js';
import { compress } from '../../lib/compress/slice.js';
import { assertZeroUnits, verifyCut } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import type { Model, RawConfig } from '../../lib/models/model.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { zeroUnits } from '../fixtures/random_llama.js';
import { mixtralConfig, moePartition, qwen3MoeConfig, randomMoe } from '../fixtures/random_moe.js';

const ctx = createContext();
const ids = Array.from({ length: 3 * 11 }, (_, i) => (i * 7 + 3) % 32);

const sizeOf = (model: Model): number =>
  [...model.parameters()]
    .filter(([name]) => !name.includes('lora'))
    .reduce((sum, [, { size }]) => sum + size, 0);

/** Largest difference of the logits as a share of their scale. */
function gap(one: Model, other: Model): number {
  return scoped(() => {
    const tokens = longTensor(ids, [3, 11]);
    const { maxAbsDifference, logitScale } = verifyCut(ctx, one, other, tokens);
    t.ok(logitScale > 0.1);
    return maxAbsDifference / logitScale;
  });
}

const mixtral = (l: number): string => `layers.${l}.block_sparse_moe.experts`;
const cases: Record<
  string,
  { config: RawConfig; experts: [string, number[]][]; after: RawConfig }
> = {
  'a Mixtral, layers alike': {
    config: mixtralConfig,
    experts: [
      [mixtral(0), [0, 3]],
      [mixtral(1), [2, 4]],
    ],
    after: { num_local_experts: 3, per_layer_config: undefined },
  },
  'a Mixtral, layers apart': {
    config: mixtralConfig,
    experts: [[mixtral(1), [1, 2, 3]]],
    after: {
      num_local_experts: 5,
      per_layer_config: { 0: { num_local_experts: 5 }, 1: { num_local_experts: 2 } },
    },
  },
  'a Qwen3 MoE': {
    config: qwen3MoeConfig,
    experts: [['layers.1.mlp.experts', [1]]],
    after: { num_experts: 3, intermediate_size: 12, per_layer_config: undefined },
  },
  'a Qwen3 MoE as transformers writes it': {
    config: { ...qwen3MoeConfig, num_experts: undefined, num_local_experts: 4 },
    experts: [['layers.1.mlp.experts', [3]]],
    after: { num_experts: 3, num_local_experts: undefined },
  },
};

for (const [name, { config, experts, after }] of Object.entries(cases)) {
  for (const rank of [0, 2]) {
    const title = `${name}${rank > 0 ? ' with LoRA' : ''}`;
    t.test(`when experts of ${title} are cut, then it equals the model with them closed`, (t) => {
      const before = tensorCount();
      const whole = moePartition(config, rank);
      const removed = new Map(experts);
      for (const seed of [1, 2, 3]) {
        const model = randomMoe(config, { seed, rank });
        const compact = compress(model, whole, removed);
        const closed = closeExperts(model, whole, removed);
        t.doesNotThrow(() => {
          assertZeroUnits(model, whole, removed);
        }, 'closed experts are no zeros');
        const difference = gap(model, compact);
        t.ok(difference <= 1e-5, `difference ${difference}`);
        closed.restore();
        t.throws(() => gap(model, compact), { code: 'CUT_NOT_EQUAL' }, 'open again, it does not');
        const cost = whole.groups.reduce(
          (sum, g) => sum + g.cost * (removed.get(g.id)?.length ?? 0),
          0,
        );
        t.equal(sizeOf(compact), sizeOf(model) - cost, 'exactly the cost of the experts is gone');
        for (const [key, value] of Object.entries(after)) t.same(compact.config[key], value, key);
        compact.dispose();
        model.dispose();
      }
      t.equal(tensorCount(), before, 'no tensor is left');
      t.end();
    });
  }
}

t.test('when channels of experts are zero, then the cut computes the same', (t) => {
  for (const rank of [0, 2]) {
    for (const config of [mixtralConfig, qwen3MoeConfig]) {
      const whole = moePartition(config, rank);
      const inner = whole.groups.filter(({ kind }) => kind === 'expert_channels');
      const removed = new Map(inner.map(({ id, units }, g) => [id, [g % units, (g + 2) % units]]));
      const model = randomMoe(config, { rank });
      zeroUnits(model, whole, removed);
      assertZeroUnits(model, whole, removed);
      const compact = compress(model, whole, removed);
      const difference = gap(model, compact);
      t.ok(difference <= 1e-5, `difference ${difference}`);
      const key = config === mixtralConfig ? 'intermediate_size' : 'moe_intermediate_size';
      t.equal(compact.config[key], Number(config[key]) - 2);
      t.same(compact.config['per_layer_config'], undefined);
      compact.dispose();
      model.dispose();
    }
  }
  t.end();
});

t.test(
  'when experts, channels of the others and heads go together, then that is their cut',
  (t) => {
    for (const rank of [0, 2]) {
      const whole = moePartition(qwen3MoeConfig, rank);
      const experts: [string, number[]] = ['layers.1.mlp.experts', [0]];
      const zeroed = new Map<string, number[]>([
        ...[0, 1, 2].map((l): [string, number[]] => [`layers.${l}.self_attn.heads`, [l % 2]]),
        ...[1, 2, 3].map((e): [string, number[]] => [`layers.1.mlp.experts.${e}.channels`, [e]]),
        ...[0, 2].map((l): [string, number[]] => [`layers.${l}.mlp.channels`, [1, 5, 11 - l]]),
      ]);
      const removed = new Map([...zeroed, experts]);
      const model = randomMoe(qwen3MoeConfig, { rank });
      zeroUnits(model, whole, zeroed);
      const compact = compress(model, whole, removed);
      const closed = closeExperts(model, whole, removed);
      const difference = gap(model, compact);
      t.ok(difference <= 1e-5, `difference ${difference}`);
      const {
        num_experts: E,
        moe_intermediate_size: F,
        intermediate_size: channels,
      } = compact.config;
      t.strictSame([E, F, channels, compact.config['num_key_value_heads']], [3, 4, 9, 1]);
      t.same(compact.config['per_layer_config'], undefined, 'one number of each is enough');
      closed.restore();
      compact.dispose();
      model.dispose();
    }
    t.end();
  },
);

t.test('when too few experts would stay, or uneven ones, then the cut is refused', (t) => {
  const whole = moePartition(qwen3MoeConfig);
  const own = whole.groups.filter(({ layer }) => layer === 1);
  const sizes = (removed: [string, number[]][]) => () => expertSizes(own, new Map(removed));
  t.throws(sizes([['layers.1.mlp.experts', [0, 1]]]), {
    code: 'PARTITION_INVALID',
    message: /keep 2 experts, and each token goes to 3/,
  });
  t.throws(sizes([['layers.1.mlp.experts.2.channels', [0]]]), {
    code: 'PARTITION_INVALID',
    message: /experts\.2\.channels keeps 4 channels, .*experts\.0\.channels keeps 5/,
  });
  t.throws(
    sizes([0, 1, 2, 3].map((e) => [`layers.1.mlp.experts.${e}.channels`, [0, 1, 2, 3, 4]])),
    { code: 'PARTITION_INVALID', message: /no unit/ },
  );
  t.strictSame(
    sizes([
      ['layers.1.mlp.experts', [2]],
      ['layers.1.mlp.experts.2.channels', [0]],
    ])(),
    { experts: 3, expertChannels: 5 },
    'an expert that goes may have any channels',
  );
  const model = randomMoe(mixtralConfig);
  t.throws(() => closeExperts(model, whole, new Map([['layers.1.mlp.experts', [0]]])), {
    code: 'PARTITION_INVALID',
  });
  model.dispose();
  t.end();
});

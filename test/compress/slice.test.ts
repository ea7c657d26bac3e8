import t from 'tap';
import { compress } from '../../lib/compress/slice.js';
import { assertZeroUnits, verifyCut } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import { partition } from '../../lib/groups/partition.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { withRecorder } from '../../lib/tensor/op.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { GraphRecorder } from '../../lib/trace/recorder.js';
import {
  type LlamaOptions,
  handPartition,
  randomLlama,
  randomUnits,
  zeroUnits,
} from '../fixtures/random_llama.js';

const ctx = createContext();
const ids = Array.from({ length: 2 * 9 }, (_, i) => (i * 7 + 3) % 32);

const structures: Record<string, LlamaOptions> = {
  'grouped kv heads, tied': { heads: 8, kvHeads: 4 },
  'grouped kv heads, untied': { heads: 8, kvHeads: 4, tied: false },
  'as many kv heads as heads': { heads: 4, kvHeads: 4 },
  'biases everywhere': { heads: 4, kvHeads: 2, biases: true, channels: 13 },
  'head width apart from the hidden size': { heads: 6, kvHeads: 3, headDim: 8, width: 20 },
  'LoRA on every linear': { heads: 8, kvHeads: 4, rank: 3 },
  'LoRA and biases, untied': { heads: 6, kvHeads: 3, rank: 2, biases: true, tied: false },
};

for (const [name, options] of Object.entries(structures)) {
  t.test(`when units of a model with ${name} are zero, then the cut computes the same`, (t) => {
    const before = tensorCount();
    for (const seed of [1, 2, 3]) {
      const model = randomLlama({ ...options, seed });
      const groups = handPartition(model);
      const removed = randomUnits(groups, 1, 5, seed);
      zeroUnits(model, groups, removed);
      assertZeroUnits(model, groups, removed);
      const compact = compress(model, groups, removed);
      const tokens = longTensor(ids, [2, 9]);
      const { maxAbsDifference, logitScale } = verifyCut(ctx, model, compact, tokens);
      t.ok(logitScale > 0.1, 'the logits are no zeros');
      t.ok(maxAbsDifference <= 1e-5 * logitScale, `difference ${maxAbsDifference}`);

      const sizeOf = (m: typeof model): number =>
        [...m.parameters()]
          .filter(([p]) => !p.includes('lora'))
          .reduce((sum, [, { size }]) => sum + size, 0);
      const cost = groups.groups.reduce(
        (sum, g) => sum + g.cost * (removed.get(g.id)?.length ?? 0),
        0,
      );
      t.equal(sizeOf(compact), sizeOf(model) - cost, 'exactly the cost of the units is gone');
      t.equal(compact.config['num_key_value_heads'], (options.kvHeads ?? 2) - 1);
      tokens.dispose();
      compact.dispose();
      model.dispose();
    }
    t.equal(tensorCount(), before, 'no tensor is left');
    t.end();
  });
}

t.test('when nothing is removed, then the cut is a copy with memory of its own', (t) => {
  const model = randomLlama({ rank: 2 });
  const compact = compress(model, handPartition(model), new Map());
  const original = [...model.parameters()];
  const values = original.map(([name, tensor]) => [name, tensor.toArray()] as const);
  model.dispose();
  t.same(
    [...compact.parameters()].map(([name, tensor]) => [name, tensor.toArray()]),
    values,
  );
  compact.dispose();
  t.end();
});

t.test('when rows stay, then they are those of the units that stay, in order', (t) => {
  const model = randomLlama({ heads: 4, kvHeads: 2, headDim: 4, width: 16 });
  const whole = handPartition(model);
  const removed = new Map([
    ['layers.0.self_attn.heads', [0]],
    ['layers.1.self_attn.heads', [1]],
    ['layers.0.mlp.channels', [0, 5]],
    ['layers.1.mlp.channels', [1, 11]],
  ]);
  const compact = compress(model, whole, removed);
  const from = new Map(model.parameters());
  const into = new Map(compact.parameters());
  const rows = (map: typeof from, name: string): number[][] => {
    const tensor = map.get(name);
    const flat = tensor?.toArray() ?? [];
    const columns = tensor?.extent(1) ?? 1;
    return Array.from({ length: flat.length / columns }, (_, i) =>
      flat.slice(i * columns, (i + 1) * columns),
    );
  };
  const q = 'model.layers.0.self_attn.q_proj.weight';
  t.same(rows(into, q), rows(from, q).slice(8, 16), 'both query heads of kv head 1');
  const v = 'model.layers.1.self_attn.v_proj.weight';
  t.same(rows(into, v), rows(from, v).slice(0, 4));
  const o = 'model.layers.0.self_attn.o_proj.weight';
  t.same(
    rows(into, o),
    rows(from, o).map((row) => row.slice(8, 16)),
  );
  const down = 'model.layers.1.mlp.down_proj.weight';
  t.same(
    rows(into, down),
    rows(from, down).map((row) => row.filter((_, i) => i !== 1 && i !== 11)),
  );
  compact.dispose();
  model.dispose();
  t.end();
});

t.test('when the partition is traced from the model, then it cuts as the one by hand does', (t) => {
  for (const options of [
    { rank: 2, biases: true, tied: false },
    { heads: 4, kvHeads: 4 },
  ]) {
    const model = randomLlama({ heads: 8, kvHeads: 4, ...options });
    const tokens = longTensor(ids, [2, 9]);
    const recorder = new GraphRecorder(model.parameters(), [tokens]);
    scoped(() => {
      recorder.finish(noGrad(() => withRecorder(recorder, () => model.forward(tokens))));
    });
    const traced = partition(recorder.graph());
    const byHand = handPartition(model);
    const removed = randomUnits(byHand, 1, 5);
    zeroUnits(model, traced, removed);
    assertZeroUnits(model, byHand, removed);
    const one = compress(model, traced, removed);
    const other = compress(model, byHand, removed);
    const values = (m: typeof model): unknown[] =>
      [...m.parameters()].map(([name, tensor]) => [name, tensor.toArray()]);
    t.same(values(one), values(other));
    verifyCut(ctx, model, one, tokens);
    for (const owner of [model, tokens, one, other]) owner.dispose();
  }
  t.end();
});

t.test('when a width is one, so that the graph has no class for it, then it stays', (t) => {
  const model = randomLlama({ heads: 4, kvHeads: 1 });
  const whole = handPartition(model);
  const channels = {
    ...whole,
    groups: whole.groups.filter(({ kind }) => kind === 'mlp_channels'),
  };
  const compact = compress(model, channels, randomUnits(channels, 0, 4));
  t.match(compact.config, {
    num_key_value_heads: 1,
    num_attention_heads: 4,
    intermediate_size: 8,
  });
  compact.dispose();
  model.dispose();
  t.end();
});

t.test(
  'when LoRA factors take gradients, then so do those of the cut, and the base does not',
  (t) => {
    const model = randomLlama({ rank: 2 });
    for (const { lora } of model.linears().values()) {
      if (lora) lora.A.requiresGrad = lora.B.requiresGrad = true;
    }
    const whole = handPartition(model);
    const compact = compress(model, whole, randomUnits(whole, 1, 3));
    for (const [name, tensor] of compact.parameters()) {
      t.equal(tensor.requiresGrad, name.includes('.lora_'), name);
    }
    t.same(
      [...compact.linears().values()].map(({ lora }) => lora?.scale),
      [...model.linears().values()].map(() => 2),
    );
    compact.dispose();
    model.dispose();
    t.end();
  },
);

t.test(
  'when layers lose different numbers, then each has its own widths and the logits agree',
  (t) => {
    const model = randomLlama({ heads: 8, kvHeads: 4, rank: 2 });
    const whole = handPartition(model);
    const removed = new Map([
      ['layers.0.self_attn.heads', [1, 3]],
      ['layers.0.mlp.channels', [2]],
      ['layers.1.mlp.channels', [0, 5, 7]],
    ]);
    zeroUnits(model, whole, removed);
    const compact = compress(model, whole, removed);
    t.match(compact.config, {
      num_attention_heads: 8,
      per_layer_config: {
        0: { num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 11 },
        1: { num_attention_heads: 8, num_key_value_heads: 4, intermediate_size: 9 },
      },
    });
    const tokens = longTensor(ids, [2, 9]);
    const { maxAbsDifference, logitScale } = verifyCut(ctx, model, compact, tokens);
    t.ok(maxAbsDifference <= 1e-5 * logitScale);
    for (const owner of [model, compact, tokens]) owner.dispose();
    t.end();
  },
);

t.test('when a cut cannot be made, then there is one typed error and no tensor is left', (t) => {
  const model = randomLlama({ rank: 2 });
  const whole = handPartition(model);
  const before = tensorCount();
  const refused = (what: string, removed: [string, number[]][], from = whole): void => {
    t.throws(
      () => compress(model, from, new Map(removed)),
      { code: 'PARTITION_INVALID', hint: String },
      what,
    );
    t.equal(tensorCount(), before, `${what}: nothing left`);
  };
  refused('no such group', [['layers.9.mlp.channels', [0]]]);
  refused('no such unit', [['layers.0.mlp.channels', [12]]]);
  refused('no head would stay', [
    ['layers.0.self_attn.heads', [0, 1]],
    ['layers.1.self_attn.heads', [0, 1]],
  ]);
  refused(
    'a group that may not be cut',
    [
      ['layers.0.mlp.channels', [0]],
      ['layers.1.mlp.channels', [0]],
    ],
    { ...whole, groups: whole.groups.map((g) => ({ ...g, prunable: false })) },
  );
  refused(
    'slices that miss a parameter',
    [
      ['layers.0.mlp.channels', [0]],
      ['layers.1.mlp.channels', [0]],
    ],
    {
      ...whole,
      groups: whole.groups.map((g) => ({
        ...g,
        slices: g.slices.filter(({ param }) => !param.includes('1.mlp.down_proj.weight')),
      })),
    },
  );
  model.dispose();
  t.end();
});

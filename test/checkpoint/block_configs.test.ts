// DeciLM's block_configs by hand, and which engines take them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  blockConfigs,
  deciVerdicts,
  multOfSize,
  sizeOfMult,
} from '../../lib/checkpoint/block_configs.js';
import { loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { exportModel } from '../../lib/checkpoint/model_folder.js';
import type { LayerRow } from '../../lib/compress/layer_table.js';
import { compress } from '../../lib/compress/slice.js';
import { verifyExport } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { structuresOf } from '../fixtures/structures.js';

t.test('when a factor is given, then its size is that of Nemotron', (t) => {
  t.equal(sizeOfMult(5.25, 8192), 28_672); // Llama 3.1 70B
  t.equal(sizeOfMult(1.3125, 8192), 7168);
  t.equal(sizeOfMult(0.5, 8192), 2816); // 2730, up to a multiple of 256
  t.equal(multOfSize(28_672, 8192), 5.25);
  t.equal(multOfSize(256, 64), 6);
  t.equal(multOfSize(100, 64), null);
  const odd: number[][] = [];
  for (let width = 32; width < 9000; width += 32) {
    for (const size of [256, 512, 7168, 28_672]) {
      const mult = multOfSize(size, width);
      if (mult === null || sizeOfMult(mult, width) !== size) odd.push([width, size]);
    }
  }
  t.same(odd, [], 'every multiple of 256 has a factor of six decimals');
  t.end();
});

const rows: LayerRow[] = [
  { heads: 8, kvHeads: 4, channels: 512, skip: [] },
  { heads: 8, kvHeads: 2, channels: 256, skip: [] },
  { channels: 256, skip: ['attention'] },
  { skip: ['attention', 'mlp'] },
];

t.test('when all sizes are multiples of 256, then both readers have their factor', (t) => {
  const linear = { replace_with_linear: false };
  t.same(blockConfigs(rows, 128), [
    {
      attention: { n_heads_in_group: 2, no_op: false, ...linear },
      ffn: { intermediate_size: 512, ffn_mult: 6, no_op: false, ...linear },
    },
    {
      attention: { n_heads_in_group: 4, no_op: false, ...linear },
      ffn: { intermediate_size: 256, ffn_mult: 3, no_op: false, ...linear },
    },
    {
      attention: { n_heads_in_group: null, no_op: true, ...linear },
      ffn: { intermediate_size: 256, ffn_mult: 3, no_op: false, ...linear },
    },
    {
      attention: { n_heads_in_group: null, no_op: true, ...linear },
      ffn: { intermediate_size: null, ffn_mult: null, no_op: true, ...linear },
    },
  ]);
  const odd = blockConfigs([{ ...rows[0]!, channels: 300 }, rows[1]!], 128);
  t.notOk(
    odd.some(({ ffn }) => 'ffn_mult' in ffn),
    'a rounded factor would be read as another size',
  );
  t.end();
});

t.test('when an engine has a rule, then what breaks it is said', (t) => {
  const config = { model_type: 'llama', hidden_size: 128, num_attention_heads: 8, head_dim: 16 };
  const broken = (table: readonly LayerRow[], changes = {}): string[] =>
    deciVerdicts({ ...config, ...changes }, table).map(({ rules }) =>
      rules.flatMap(({ ok, rule }) => (ok ? [] : [rule])).join('; '),
    );
  t.same(broken(rows), ['', '']);
  const none = 'all layers with attention have the same number of query heads';
  t.same(broken([{ ...rows[0]!, heads: 4 }, rows[1]!]), [
    none,
    `${none}; heads·head_dim is the hidden size`,
  ]);
  t.same(broken(rows.slice(2).concat(rows)), ['the first layer has attention', '']);
  const half: LayerRow = { heads: 8, kvHeads: 4, skip: ['mlp'] };
  t.same(broken([half]), ['', 'a layer without feed-forward has no attention']);
  t.same(broken([{ ...rows[0]!, channels: 300 }]), ['', 'channels are multiples of 256']);
  t.same(broken(rows, { head_dim: 32 }), ['', 'heads·head_dim is the hidden size']);
  t.same(broken(rows, { rope_parameters: { rope_type: 'llama3' } }), [
    '',
    'positions are not scaled',
  ]);
  t.same(broken(rows, { mlp_bias: true }), ['', 'there are no biases']);
  const family = 'the family is a LLaMA without a sliding window';
  t.same(broken(rows, { model_type: 'qwen3' }), [family, family]);
  t.same(broken(rows, { model_type: 'mistral', sliding_window: 8 }), [family, family]);
  t.same(broken(rows, { model_type: 'mistral', sliding_window: null }), ['', '']);
  t.end();
});

t.test(
  'when a llama with uneven kv heads is exported, then all its readers find their keys',
  (t) => {
    const dir = t.testdir({});
    const shape = { layers: 2, heads: 4, kvHeads: 2, headDim: 16, width: 64, channels: 512 };
    const from = writeModelFolder(join(dir, 'dense'), shape);
    const dense = loadModel(from);
    const groups = structuresOf(dense, ['attention_heads', 'query_heads', 'mlp_channels']);
    const id = (layer: number, kind: string): string =>
      groups.groups.find((g) => g.layer === layer && g.kind === kind)!.id;
    // Layer 0 keeps one query head of each kv head, layer 1 one kv head with both of its query heads.
    const removed = new Map([
      [id(0, 'query_heads'), [1, 2]],
      [id(1, 'attention_heads'), [0]],
      [id(1, 'mlp_channels'), Array.from({ length: 256 }, (_, i) => 2 * i)],
    ]);
    const compact = compress(dense, groups, removed);
    const out = join(dir, 'out');
    const { modelType, reason, engines } = exportModel(compact, out, {
      ...{ from, card: { title: 'x' }, form: 'per-layer' },
    });
    t.equal(modelType, 'nemotron-nas');
    t.match(reason, /vLLM/);
    t.same(
      engines.map(({ engine, loads }) => [engine, loads]),
      [
        ['transformers', true],
        ['vllm', true],
        ['llama.cpp', false],
      ],
      'two heads of 16 are not the hidden size of 64',
    );
    t.match(readConfig(out), {
      architectures: ['DeciLMForCausalLM'],
      num_attention_heads: 2,
      head_dim: 16,
      rope_theta: 10_000,
      per_layer_config: { 0: { num_key_value_heads: 2, intermediate_size: 512 }, 1: {} },
      block_configs: [
        { attention: { n_heads_in_group: 1 }, ffn: { ffn_mult: 12 } },
        { attention: { n_heads_in_group: 2 }, ffn: { ffn_mult: 6 } },
      ],
    });
    t.match(
      readFileSync(join(out, 'config.json'), 'utf8'),
      '"ffn_mult": 12.0',
      'a whole number is a float, too',
    );
    const tokens = longTensor([5, 4, 3], [1, 3]);
    t.equal(verifyExport(createContext(), out, compact, tokens).maxAbsDifference, 0);

    // It loads as what it is, and is a llama again in the other forms.
    const again = loadModel(out);
    const padded = exportModel(again, join(dir, 'padded'), {
      ...{ from: out, card: { title: 'x' }, form: 'padded' },
    });
    t.equal(padded.modelType, 'llama');
    t.match(readConfig(join(dir, 'padded')), { architectures: ['LlamaForCausalLM'] });
    t.notOk('block_configs' in readConfig(join(dir, 'padded')));
    verifyExport(createContext(), join(dir, 'padded'), again, tokens);
    for (const owner of [dense, compact, again, tokens]) owner.dispose();
    t.end();
  },
);

import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import type { RawConfig } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import {
  configOf,
  configWithout,
  cutsTwice,
  gapUnder,
  groupsOf,
  run,
  unitOf,
} from '../fixtures/family_units.js';

t.test(
  'when one key and value serve all queries, then only query heads and channels may go',
  (t) => {
    const groups = groupsOf('falcon');
    const queries = groups['h.0.self_attention.queries_per_head']!;
    t.match(queries, { kind: 'query_heads', units: 4, prunable: true });
    t.strictSame(unitOf(queries, 2, 'transformer.h.0.self_attention.'), {
      'query_key_value.weight 0': run(16, 8),
      'dense.weight 1': run(16, 8),
    });
    t.notOk(Object.values(groups).some(({ kind }) => kind === 'attention_heads'));
    t.strictSame(unitOf(groups['h.0.mlp.channels'], 3, 'transformer.h.0.mlp.'), {
      'dense_h_to_4h.weight 0': [3],
      'dense_4h_to_h.weight 1': [3],
    });
    t.end();
  },
);

t.test('when keys and values serve groups of queries, then a kv head is one block of rows', (t) => {
  const groups = groupsOf('falcon-new');
  const heads = groups['h.1.self_attention.heads']!;
  t.match(heads, { kind: 'attention_heads', units: 2, prunable: true });
  t.strictSame(unitOf(heads, 1, 'transformer.h.1.self_attention.'), {
    'query_key_value.weight 0': run(32, 32),
    'dense.weight 1': run(16, 16),
  });
  const queries = groups['h.1.self_attention.queries_per_head']!;
  t.match(queries, { kind: 'query_heads', units: 4, blocks: 2, prunable: true });
  t.strictSame(unitOf(queries, 3, 'transformer.h.1.self_attention.'), {
    'query_key_value.weight 0': run(40, 8),
    'dense.weight 1': run(24, 8),
  });
  t.end();
});

t.test('when zero units are cut, then the logits stay, and again from what is left', (t) => {
  const one = cutsTwice(t, 'falcon');
  const own = { num_attention_heads: 3, ffn_hidden_size: 45 };
  t.match(one, { head_dim: 8, num_kv_heads: 4, per_layer_config: { 0: own } });
  const groups = cutsTwice(t, 'falcon-new', ['attention_heads', 'mlp_channels']);
  const kv = { num_attention_heads: 2, num_kv_heads: 1 };
  t.match(groups, { head_dim: 8, per_layer_config: { 0: kv } });
  cutsTwice(t, 'falcon-new', ['query_heads']);
  t.end();
});

t.test('when config.json is of the first releases, then it means the same', (t) => {
  const keys = ['num_hidden_layers', 'num_attention_heads', 'num_kv_heads', 'rope_parameters'];
  const later = ['new_decoder_architecture', 'num_ln_in_parallel_attn'];
  const former = (name: string, type: string): RawConfig => {
    const now = configOf(name);
    const sizes = { n_layer: now['num_hidden_layers'], n_head: now['num_attention_heads'] };
    const rest = configWithout(name, ...keys, ...later);
    return { ...rest, ...sizes, n_head_kv: now['num_kv_heads'], model_type: type };
  };
  t.ok(gapUnder('falcon', former('falcon', 'RefinedWebModel')) < 1e-5);
  t.ok(gapUnder('falcon-new', former('falcon-new', 'RefinedWeb')) < 1e-5);
  t.match(
    architectureOf(former('falcon', 'RefinedWebModel')).build(
      former('falcon', 'RefinedWebModel'),
      metaWeights(),
    ).config,
    { model_type: 'falcon', num_attention_heads: 4, num_hidden_layers: 2, n_head: undefined },
  );
  t.end();
});

t.test('when the old architecture names kv heads, then they are not read', (t) => {
  const config = configOf('falcon');
  t.ok(gapUnder('falcon', { ...config, num_kv_heads: 3 }) < 1e-5);
  t.end();
});

/** Stored names of a config, without the first level. */
function namesOf(config: RawConfig): [name: string, shape: string][] {
  const model = architectureOf(config).build(config, metaWeights());
  const found = [...model.parameters()].map(([name, { shape }]): [string, string] => [
    name.replace('transformer.h.0.', ''),
    shape.join(),
  ]);
  model.dispose();
  return found;
}

t.test(
  'when halves follow one another or share a norm, then the norms are those of their kind',
  (t) => {
    const config = configOf('falcon');
    const each = { ...config, multi_query: false, parallel_attn: false, bias: true };
    const sequential = new Map(namesOf(each));
    t.equal(sequential.get('self_attention.query_key_value.weight'), '96,32');
    t.equal(sequential.get('self_attention.query_key_value.bias'), '96');
    t.ok(sequential.has('post_attention_layernorm.weight'));
    const shared = new Map(namesOf({ ...configOf('falcon-new'), num_ln_in_parallel_attn: 1 }));
    t.ok(shared.has('input_layernorm.weight'));
    t.notOk(shared.has('ln_mlp.weight'));
    t.end();
  },
);

t.test('when positions are ALiBi’s, then the checkpoint is refused', (t) => {
  t.throws(() => namesOf({ ...configOf('falcon'), alibi: true }), {
    code: 'CHECKPOINT_UNSUPPORTED',
    message: /ALiBi/,
  });
  t.end();
});

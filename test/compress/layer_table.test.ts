import t from 'tap';
import { type LayerRow, differences, layerTable } from '../../lib/compress/layer_table.js';
import { layerKinds } from '../../lib/compress/pad.js';
import { structureOf } from '../../lib/compress/structure.js';
import { architectureOf } from '../../lib/models/index.js';
import { llamaSizes } from '../../lib/models/llama_config.js';
import { configOf } from '../fixtures/family_units.js';

function tableOf(name: string, changes: Record<string, unknown> = {}): LayerRow[] {
  const config = { ...configOf(name), ...changes };
  return layerTable(
    config,
    architectureOf(config).sizes,
    structureOf(config, { kinds: layerKinds }),
  );
}

t.test('when sizes are left to a family, then they are those of its tensors', (t) => {
  t.same(tableOf('gpt2'), Array(2).fill({ heads: 3, kvHeads: 3, channels: 96, skip: [] }));
  // num_kv_heads says 4, which the old architecture does not read.
  t.same(tableOf('falcon')[0], { heads: 4, kvHeads: 1, channels: 48, skip: [] });
  t.same(tableOf('falcon-new')[0], { heads: 4, kvHeads: 2, channels: 48, skip: [] });
  t.same(tableOf('mixtral')[0], {
    ...{ heads: 4, kvHeads: 2, experts: 4, expertChannels: 20 },
    skip: [],
  });
  const moe = tableOf('qwen3_moe-unnormalised');
  t.same(moe[0], { heads: 4, kvHeads: 2, channels: 24, skip: [] });
  t.same(moe[1], { heads: 4, kvHeads: 2, experts: 4, expertChannels: 16, skip: [] });
  t.end();
});

t.test('when layers say otherwise, then the rows do', (t) => {
  const per_layer_config = {
    0: { num_attention_heads: 2, num_key_value_heads: 1 },
    1: { skip: ['attention'], intermediate_size: 7 },
  };
  t.same(tableOf('llama', { per_layer_config }), [
    { heads: 2, kvHeads: 1, channels: 48, skip: [] },
    { channels: 7, skip: ['attention'] },
  ]);
  const single = { 0: { num_attention_heads: 1, num_key_value_heads: 1 } };
  t.match(tableOf('llama', { per_layer_config: single })[0], { heads: 1, kvHeads: 1 });
  t.end();
});

t.test('when layers differ, then layers and sizes are named', (t) => {
  const row = (heads: number, channels: number): LayerRow => ({
    ...{ heads, kvHeads: 2, channels },
    skip: [],
  });
  t.same(differences([row(4, 8), row(4, 8)], llamaSizes), []);
  t.same(
    differences(
      [row(4, 8), row(2, 8), row(4, 6), { channels: 8, skip: ['attention'] }, row(4, 8)],
      llamaSizes,
    ),
    [
      'num_attention_heads is 4 in layers 0, 2, 4 and 2 in layer 1',
      'intermediate_size is 8 in layers 0–1, 3–4 and 6 in layer 2',
      'layer 3 without attention',
    ],
  );
  t.end();
});

// A LLaMA whose layers differ in the words of NVIDIA's DeciLM, which vLLM and llama.cpp's converter read (conventions §3.3).
import type { LayerRow } from '../compress/layer_table.js';
import type { RawConfig } from '../models/model.js';
import { headDimOf } from '../models/sizes.js';
import { llamaSizes } from '../models/llama_config.js';
import type { Rule, Verdict } from '../plan/engines/engine.js';
import { judged } from '../plan/engines/engine.js';

/** One entry of `block_configs`. */
export interface BlockConfig {
  readonly attention: {
    /** Query heads of one key-value head; null without attention. */
    readonly n_heads_in_group: number | null;
    readonly no_op: boolean;
    readonly replace_with_linear: false;
  };
  readonly ffn: {
    readonly intermediate_size: number | null;
    /** Present where all sizes are multiples of 256: loaders that know it round up to those. */
    readonly ffn_mult?: number | null;
    readonly no_op: boolean;
    readonly replace_with_linear: false;
  };
}

/** DeciLM's own rounding: ⌊2·m·n/3⌋ up to a multiple of 256, for a hidden size of n. */
export function sizeOfMult(mult: number, width: number): number {
  return Math.ceil(Math.trunc((2 * mult * width) / 3) / 256) * 256;
}

/** The factor, of six decimals as NVIDIA's class keeps it, that {@link sizeOfMult} makes `channels` of; else null. */
export function multOfSize(channels: number, width: number): number | null {
  const mult = Number(((3 * channels) / (2 * width)).toFixed(6));
  return sizeOfMult(mult, width) === channels ? mult : null;
}

/** `block_configs` of the layers of `table`, all of which have `heads` query heads. */
export function blockConfigs(table: readonly LayerRow[], width: number): BlockConfig[] {
  const mults = table.map(({ channels }) =>
    channels === undefined ? undefined : multOfSize(channels, width),
  );
  const all = mults.every((mult) => mult !== null);
  return table.map(({ heads, kvHeads, channels }, i) => ({
    attention: {
      n_heads_in_group: heads === undefined ? null : heads / (kvHeads ?? heads),
      no_op: heads === undefined,
      replace_with_linear: false,
    },
    ffn: {
      intermediate_size: channels ?? null,
      ...(all ? { ffn_mult: mults[i] ?? null } : {}),
      no_op: channels === undefined,
      replace_with_linear: false,
    },
  }));
}

const vllmSource = 'vllm nemotron_nas.py @00bd149 (read, not run)';
const llamaCppSource = 'llama.cpp conversion/deci.py, src/models/deci.cpp (read, not run)';

/** What vLLM's DeciLMForCausalLM and llama.cpp's converter and graph for `deci` say. */
export function deciVerdicts(config: RawConfig, table: readonly LayerRow[]): Verdict[] {
  const common = [family(config), queryHeads(table)];
  return [
    judged('vllm', [
      ...common.map((rule) => ({ ...rule, source: vllmSource })),
      {
        rule: 'the first layer has attention',
        ok: table[0]?.heads !== undefined,
        detail: 'its norm after attention reads a residual that only attention makes',
        source: vllmSource,
      },
    ]),
    judged('llama.cpp', [
      ...common.map((rule) => ({ ...rule, source: llamaCppSource })),
      ...converterRules(config, table),
    ]),
  ];
}

function family(config: RawConfig): Omit<Rule, 'source'> {
  const type = String(config['model_type']);
  const slides = type === 'mistral' && config['sliding_window'] !== null;
  return {
    rule: 'the family is a LLaMA without a sliding window',
    ok: type === 'llama' || (type === 'mistral' && !slides),
    detail: slides ? 'this mistral slides' : `this is a ${type}`,
  };
}

function queryHeads(table: readonly LayerRow[]): Omit<Rule, 'source'> {
  const counts = [...new Set(table.flatMap(({ heads }) => heads ?? []))];
  return {
    rule: 'all layers with attention have the same number of query heads',
    ok: counts.length === 1,
    detail: `${counts.join(', ') || 'no'} query heads: they come from the config of the whole model`,
  };
}

function converterRules(config: RawConfig, table: readonly LayerRow[]): Rule[] {
  const width = Number(config['hidden_size']);
  const heads = table.find((row) => row.heads !== undefined)?.heads ?? NaN;
  const headDim = headDimOf(config, llamaSizes);
  const odd = table.flatMap(({ channels }) =>
    channels !== undefined && multOfSize(channels, width) === null ? [channels] : [],
  );
  const rope = (config['rope_parameters'] ?? config['rope_scaling'] ?? {}) as RawConfig;
  const named = [rope['rope_type'], rope['type']].find((type) => typeof type === 'string');
  const scaling = named ?? 'default';
  const halves = table.some((row) => row.channels === undefined && row.heads !== undefined);
  return [
    {
      rule: 'heads·head_dim is the hidden size',
      ok: heads * headDim === width,
      detail: `${heads} heads of ${headDim}, a hidden size of ${width}: the converter writes hidden_size / heads`,
      source: llamaCppSource,
    },
    {
      rule: 'channels are multiples of 256',
      ok: odd.length === 0,
      detail:
        odd.length === 0 ? 'they are' : `${[...new Set(odd)].join(', ')}: ffn_mult is rounded up`,
      source: llamaCppSource,
    },
    {
      rule: 'a layer without feed-forward has no attention',
      ok: !halves,
      detail: halves ? 'the graph forgets what attention adds there' : 'none has',
      source: llamaCppSource,
    },
    {
      rule: 'positions are not scaled',
      ok: scaling === 'default',
      detail: `rope_type ${scaling}; the converter looks for rope_scaling, which transformers 5 no longer writes`,
      source: llamaCppSource,
    },
    {
      rule: 'there are no biases',
      ok: config['attention_bias'] !== true && config['mlp_bias'] !== true,
      detail: 'biases have not been read',
      source: llamaCppSource,
    },
  ];
}

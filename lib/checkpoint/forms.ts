// The forms that a model is exported in: alike layers, layers made alike by zeros, or each layer as it is (conventions §3.3).
import { type LayerRow, differences, layerTable } from '../compress/layer_table.js';
import { alikeConfig, layerKinds, padModel, paddingOf } from '../compress/pad.js';
import { residualNormKey } from '../compress/centre.js';
import { structureOf } from '../compress/structure.js';
import { LoraShearError } from '../errors.js';
import { architectureOf } from '../models/index.js';
import { asLlama } from '../models/mistral.js';
import type { Model, RawConfig } from '../models/model.js';
import { type Verdict, candidateOf, judged } from '../plan/engines/engine.js';
import { judge } from '../plan/engines/index.js';
import { dtypeBytes } from '../tensor/dtype.js';
import { blockConfigs, deciVerdicts } from './block_configs.js';
import { type ExportConfig, type StoredType, exportConfig, plainConfig } from './export_config.js';
import { exportForm } from './form_error.js';
import { type Form, forms } from './form_of.js';
import { autoMap, codeFile, hasCode, modelingCode } from './per_layer_code.js';
import { headsRefusal } from './stock_heads.js';

/** A model in a form, ready to be written. */
export interface Formed extends ExportConfig {
  readonly form: Form;
  /** What is written: the given model, or one padded with zeros, which the caller disposes. */
  readonly model: Model;
  /** Parameters that only fill; 0 but for `padded`. */
  readonly padding: number;
  /** Sizes of every layer before any padding. */
  readonly layers: readonly LayerRow[];
  /** Other files by name. */
  readonly files: Readonly<Record<string, string>>;
  /** What engines say, as far as it was asked or the form makes it doubtful. */
  readonly engines: readonly Verdict[];
}

export interface FormOptions {
  readonly form?: Form;
  readonly dtype?: StoredType;
  /** Engines that must take the result. */
  readonly engines?: readonly string[];
}

/**
 * @throws EXPORT_FORM where the model does not fit the form, or an asked engine does not take it
 * @throws CHECKPOINT_UNSUPPORTED, CONFIG_INVALID for an unknown engine
 */
export function formed(model: Model, { form = 'uniform', dtype, engines }: FormOptions): Formed {
  if (!forms.includes(form)) {
    throw new LoraShearError('CONFIG_INVALID', `there is no form '${form as string}' of export`, {
      hint: `these are: ${forms.join(', ')}`,
    });
  }
  const config = plainConfig(model.config);
  if (form === 'per-layer') return perLayer(model, config, dtype, engines);
  refuseOwnNorms(config);
  const { sizes: keys } = architectureOf(config);
  if (form === 'padded') {
    const padding = paddingOf(config);
    const layers = layerTable(config, keys, structureOf(config, { kinds: layerKinds }));
    const whole = padModel(model, padding);
    try {
      const out = exportConfig(padding.config, dtype);
      const more = count(whole) - count(model);
      const asked = judgedStock(out, engines);
      return { ...out, form, model: whole, padding: more, layers, files: {}, engines: asked };
    } catch (thrown) {
      whole.dispose();
      throw thrown;
    }
  }
  const layers = layerTable(config, keys, structureOf(config, { kinds: layerKinds }));
  const differ = differences(layers, keys);
  if (differ.length > 0) {
    throw exportForm(`a uniform model has layers of one size: ${differ.join('; ')}`, {
      hint: 'use --form padded (larger, loads everywhere) or --form per-layer (smallest)',
      facts: { differences: differ },
    });
  }
  const { skip: _, ...sizes } = layers[0] ?? { skip: [] };
  const alike = 'per_layer_config' in config ? alikeConfig(config, keys, sizes) : config;
  const refusal = headsRefusal(alike, Number(alike[keys.heads]));
  if (refusal !== null && alike['model_type'] !== 'llama') {
    throw exportForm(refusal, {
      hint: 'use --form padded, or --form per-layer for loading with lorashear-native only',
      facts: { heads: alike[keys.heads] },
    });
  }
  const out = exportConfig(alike, dtype);
  refuseExpertRows(layers, out);
  return { ...out, form, model, padding: 0, layers, files: {}, engines: judgedStock(out, engines) };
}

/** transformers multiplies experts with torch's grouped product, which takes rows of 16 bytes. */
function refuseExpertRows(layers: readonly LayerRow[], { dtype }: ExportConfig): void {
  const rows = 16 / dtypeBytes(dtype);
  const odd = layers.find(({ expertChannels: n }) => n !== undefined && n % rows !== 0);
  if (!odd) return;
  throw exportForm(
    `experts of ${odd.expertChannels ?? 0} channels do not run in transformers, which wants a multiple of ${rows} in ${dtype}`,
    {
      hint: 'use --form padded, or cut another number of channels',
      facts: { channels: odd.expertChannels, multipleOf: rows },
    },
  );
}

const count = (model: Model): number =>
  [...model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);

/** Centred models have norms that no stock engine has. */
function refuseOwnNorms(config: RawConfig): void {
  if (!(residualNormKey in config)) return;
  throw exportForm(
    'its norms over the residual width are centred, which no stock engine computes',
    {
      hint: 'use --form per-layer, for loading with lorashear-native only',
    },
  );
}

function judgedStock({ config, reason }: ExportConfig, engines: readonly string[] = []): Verdict[] {
  const { sizes } = architectureOf(config);
  const verdicts = judge(candidateOf(config, sizes, [], reason), engines);
  refuseUntaken(verdicts, engines);
  return verdicts;
}

/** @throws EXPORT_FORM naming the first asked engine that does not take the model, and its rule */
function refuseUntaken(verdicts: readonly Verdict[], asked: readonly string[]): void {
  for (const name of asked) {
    const verdict = verdicts.find(({ engine }) => engine === name);
    if (!verdict) {
      throw new LoraShearError('CONFIG_INVALID', `nothing is known of engine '${name}' here`, {
        hint: `these are asked about this form: ${verdicts.map(({ engine }) => engine).join(', ')}`,
      });
    }
    const rule = verdict.rules.find(({ ok }) => !ok);
    if (!rule) continue;
    throw exportForm(`${name} does not take this model: ${rule.rule} (${rule.detail})`, {
      hint: 'choose another form, or leave the engine out',
      facts: { engine: name, rule: rule.rule, source: rule.source },
    });
  }
}

function perLayer(
  model: Model,
  config: RawConfig,
  dtype: StoredType | undefined,
  engines: readonly string[] = [],
): Formed {
  const { sizes: keys } = architectureOf(config);
  const layers = layerTable(config, keys, structureOf(config, { kinds: layerKinds }));
  const base = String(config['model_type']);
  const coded = hasCode(base) && !(residualNormKey in config);
  const verdicts = [codeVerdict(base, coded), ...deciVerdicts(config, layers)];
  refuseUntaken(verdicts, engines);
  const isDeci = coded && verdicts.some(({ engine, loads }) => loads && engine !== 'transformers');
  const modelType = isDeci ? 'nemotron-nas' : base;
  const typeKey = 'dtype' in config ? 'dtype' : 'torch_dtype';
  const stored = dtype ?? exportDType(config[typeKey]);
  const out: RawConfig = {
    ...(isDeci ? deciConfig(config, layers) : config),
    ...(coded ? { architectures: ['LorashearForCausalLM'], auto_map: autoMap } : {}),
    ...(isDeci ? { architectures: ['DeciLMForCausalLM'] } : {}),
    model_type: modelType,
    [typeKey]: stored,
  };
  const reason = `vLLM and llama.cpp know a LLaMA whose layers differ as ${modelType}`;
  return {
    ...{ form: 'per-layer', model, padding: 0, layers, config: out, modelType, dtype: stored },
    ...(isDeci ? { reason } : {}),
    files: coded ? { [codeFile]: modelingCode(isDeci ? 'llama' : base, modelType) } : {},
    engines: verdicts,
  };
}

function exportDType(named: unknown): StoredType {
  return named === 'bfloat16' || named === 'float16' ? named : 'float32';
}

function codeVerdict(type: string, coded: boolean): Verdict {
  return judged('transformers', [
    {
      rule: 'there is a modelling file for the family',
      ok: coded,
      detail: coded ? `${codeFile}, with trust_remote_code=True` : `none for this ${type}`,
      source: 'scripts/check_exports.py with transformers 5.24',
    },
  ]);
}

/** As a LLaMA, with what DeciLM's readers ask for; they look for rope_theta beside rope_parameters. */
function deciConfig(config: RawConfig, layers: readonly LayerRow[]): RawConfig {
  const { sliding_window: _, ...llama } =
    config['model_type'] === 'mistral' ? asLlama(config) : config;
  const theta = (config['rope_parameters'] as RawConfig | undefined)?.['rope_theta'];
  return {
    ...llama,
    block_configs: blockConfigs(layers, Number(config['hidden_size'])),
    ...(typeof theta === 'number' ? { rope_theta: theta } : {}),
  };
}

// A model becomes a Hugging Face folder that engines read; the folder appears whole or not at all.
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';
import { architectureOf } from '../models/index.js';
import type { Model, RawConfig } from '../models/model.js';
import { metaWeights } from '../nn/weight_source.js';
import type { Verdict } from '../plan/engines/engine.js';
import { dtypeBytes } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { carryFiles, isCarried } from './carried.js';
import { writeTextDurably } from './durable_file.js';
import { withFloatSpelling } from './float_spelling.js';
import { type Form, ownKey } from './form_of.js';
import { type FormOptions, type Formed, formed } from './forms.js';
import { readConfig } from './load.js';
import { type ModelCard, modelCard } from './model_card.js';
import { codeFile } from './per_layer_code.js';
import { replaceFolder } from './replace_folder.js';
import { saveSafetensors } from './save.js';

export interface ExportOptions extends FormOptions {
  /** Folder of the dense model: tokenizer, generation settings and licence are copied from it. */
  from: string;
  card: ModelCard;
  maxShardBytes?: number;
}

/** What of a padded model is zeros alone. */
export interface Waste {
  readonly parameters: number;
  /** Of the weight files. */
  readonly bytes: number;
}

export interface Exported {
  readonly dir: string;
  readonly form: Form;
  readonly modelType: string;
  /** Why the model type is not the input's. */
  readonly reason?: string;
  /** Parameters, tied ones once. */
  readonly parameters: number;
  /** Bytes of the weight files. */
  readonly bytes: number;
  /** Only of `padded`. */
  readonly waste?: Waste;
  /** Engines that were asked for, or whose answer the form makes doubtful. */
  readonly engines: readonly Verdict[];
}

/**
 * Writes `model` (LoRA merged) as an ordinary checkpoint to `dir`, in one of three forms:
 * - `uniform` (default): all layers are alike; stock transformers, vLLM and llama.cpp load it.
 * - `padded`: zeros make layers alike that are not; it computes the same and is larger.
 * - `per-layer`: each layer as it is. config.json has `per_layer_config`, for LLaMA `block_configs` where an engine takes
 *   them, and for families near LLaMA a modelling file for transformers beside it.
 *
 * Weights are stored as `dtype`, by default the element type that config.json names; a tied head is left out. A folder of
 * an earlier export is replaced at once.
 * @throws EXPORT_FORM when the model does not fit the form, or an asked engine does not take the result
 * @throws OUTPUT_OCCUPIED when `dir` holds something else, OUTPUT_FAILED, CHECKPOINT_UNSUPPORTED
 */
export function exportModel(
  model: Model,
  dir: string,
  { from, card, maxShardBytes, ...how }: ExportOptions,
): Exported {
  refuseLora(model);
  refuseOccupied(dir, from);
  const shaped = formed(model, how);
  try {
    return writeFolder(shaped, dir, {
      from,
      card,
      ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
    });
  } finally {
    if (shaped.model !== model) shaped.model.dispose();
  }
}

/** Parameters without LoRA's factors. */
function* base(model: Model): Generator<[string, Tensor]> {
  for (const entry of model.parameters()) {
    if (!/\.lora_[AB]\.weight$/.test(entry[0])) yield entry;
  }
}

/** Writes what is `shaped`, without LoRA where it has any. @throws as {@link exportModel} */
export function writeFolder(
  shaped: Formed,
  dir: string,
  { from, card, maxShardBytes }: Pick<ExportOptions, 'from' | 'card' | 'maxShardBytes'>,
): Exported {
  const { model, dtype } = shaped;
  refuseOtherSizes(configOf(shaped, readConfig(from), card), model);
  const parameters = [...base(model)].reduce((sum, [, { size }]) => sum + size, 0);
  return exportFolder(shaped, dir, { from, card, parameters }, (path) =>
    saveSafetensors(path, base(model), {
      dtype,
      ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
    }),
  );
}

/**
 * Writes the folder of a model whose weights `write` writes to `…/model.safetensors`, in `dtype`; it returns the files
 * that it made.
 * @throws as {@link exportModel}, and what `write` throws
 */
export function exportFolder(
  shaped: Omit<Formed, 'model'>,
  dir: string,
  { from, card, parameters }: Pick<ExportOptions, 'from' | 'card'> & { parameters: number },
  write: (path: string) => readonly string[],
): Exported {
  const { form, modelType, reason, engines } = shaped;
  refuseOccupied(dir, from);
  const dense = readConfig(from);
  const config = configOf(shaped, dense, card);
  const { sizes: keys } = architectureOf(dense);
  const waste = wasteOf(shaped);
  let bytes = 0;
  replaceFolder(dir, (partial) => {
    const files = write(join(partial, 'model.safetensors'));
    bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    carryFiles(from, partial);
    // Readers of DeciLM ask whether a factor is a float.
    const spelling = `${readFileSync(join(from, 'config.json'), 'utf8')} "ffn_mult": 1.0`;
    const json = (file: string, value: unknown): void => {
      const text = withFloatSpelling(JSON.stringify(value, null, 2), spelling);
      writeTextDurably(join(partial, file), `${text}\n`);
    };
    json('config.json', config);
    if (!existsSync(join(partial, 'generation_config.json'))) {
      json('generation_config.json', generationOf(config));
    }
    for (const [file, text] of Object.entries(shaped.files)) {
      writeTextDurably(join(partial, file), text);
    }
    writeTextDurably(
      join(partial, 'README.md'),
      modelCard(card, { dense, cut: config, parameters, note: reason, keys, shaped, waste }),
    );
  });
  return {
    ...{ dir, form, modelType, parameters, bytes, engines },
    ...(reason === undefined ? {} : { reason }),
    ...(waste === undefined ? {} : { waste }),
  };
}

function wasteOf({ form, padding, dtype }: Omit<Formed, 'model'>): Waste | undefined {
  if (form !== 'padded') return undefined;
  return { parameters: padding, bytes: padding * dtypeBytes(dtype) };
}

/** config.json is derived from the tensors: what it asks for is what is written. A difference is a defect. */
function refuseOtherSizes(config: RawConfig, model: Model): void {
  const written = new Map(Array.from(base(model), ([name, { shape }]) => [name, shape]));
  const meta = metaWeights();
  const odd: string[] = [];
  const built = architectureOf(config).build(config, (name, shape) => {
    if (written.get(name)?.join() !== shape.join()) odd.push(name);
    written.delete(name);
    return meta(name, shape);
  });
  built.dispose();
  const [first] = [...odd, ...written.keys()];
  if (first === undefined) return;
  throw new LoraShearError('INTERNAL', `config.json and the weights differ in '${first}'`, {
    facts: { name: first },
  });
}

/** config.json with our mark. */
const configOf = (
  { config, form }: Pick<Formed, 'config' | 'form'>,
  dense: RawConfig,
  card: ModelCard,
): RawConfig => ({ ...config, [ownKey]: { form, ...originOf(dense, card) } });

function originOf(dense: RawConfig, card: ModelCard): object {
  const { sizes: keys } = architectureOf(dense);
  const named = [keys.heads, keys.kvHeads, keys.channels, keys.experts, keys.expertChannels];
  const known = named.filter((key) => key !== undefined && dense[key] !== undefined);
  const sizes = Object.fromEntries(known.map((key = '') => [key, dense[key]]));
  return { dense: { ...sizes, parameters: card.denseParameters } };
}

function generationOf(config: Readonly<Record<string, unknown>>): object {
  const ids = ['bos_token_id', 'eos_token_id', 'pad_token_id'].filter((key) => config[key] != null);
  return {
    _from_model_config: true,
    ...Object.fromEntries(ids.map((key) => [key, config[key]])),
  };
}

function refuseLora(model: Model): void {
  for (const [name] of model.parameters()) {
    if (!name.endsWith('.lora_A.weight')) continue;
    const path = name.replace(/\.lora_A\.weight$/, '');
    throw new LoraShearError('INTERNAL', `${path} still has its LoRA branch: merge before export`);
  }
}

/** @throws OUTPUT_OCCUPIED when an export to `dir` would destroy what we did not write */
export function refuseOccupied(dir: string, from: string): void {
  const occupied = (what: string): LoraShearError =>
    new LoraShearError('OUTPUT_OCCUPIED', `${dir} ${what}`, {
      hint: 'give another folder for the model, or empty this one',
      facts: { dir },
    });
  if (!existsSync(dir)) return;
  if (existsSync(from) && realpathSync(dir) === realpathSync(from)) {
    throw occupied('is the folder of the dense model');
  }
  if (!statSync(dir).isDirectory()) throw occupied('is a file');
  if (readdirSync(dir).length > 0 && !isOurs(dir)) throw occupied('holds other files');
}

// An export, and nothing in it that somebody added.
function isOurs(dir: string): boolean {
  const written = /^(config\.json|README\.md|model.*\.safetensors(\.index\.json)?)$/;
  const ours = (file: string): boolean =>
    isCarried(file) || file === codeFile || written.test(file);
  if (!readdirSync(dir).every(ours)) return false;
  try {
    const config: unknown = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
    return config !== null && typeof config === 'object' && ownKey in config;
  } catch {
    return false;
  }
}

// A model becomes a Hugging Face folder that stock loaders read; the folder appears whole or not at all.
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { copyDurably, writeTextDurably } from './durable_file.js';
import { exportConfig } from './export_config.js';
import { withFloatSpelling } from './float_spelling.js';
import { readConfig } from './load.js';
import { type ModelCard, modelCard } from './model_card.js';
import { replaceFolder } from './replace_folder.js';
import { saveSafetensors } from './save.js';

/** Carried from the dense model's folder where they are there. */
const carried = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'LICENSE',
  'LICENSE.txt',
  'LICENSE.md',
  'NOTICE',
  'USE_POLICY.md',
];

export interface ExportOptions {
  /** Folder of the dense model: tokenizer, generation settings and licence are copied from it. */
  from: string;
  card: ModelCard;
  maxShardBytes?: number;
}

export interface Exported {
  readonly dir: string;
  readonly modelType: string;
  /** Why the model type is not the input's. */
  readonly reason?: string;
  /** Parameters, tied ones once. */
  readonly parameters: number;
  /** Bytes of the weight files. */
  readonly bytes: number;
}

/**
 * Writes `model` (LoRA merged) as an ordinary checkpoint to `dir`. Weights keep the element type that config.json
 * names; a tied head is left out. A folder of an earlier export is replaced at once.
 * @throws OUTPUT_OCCUPIED when `dir` holds something else, OUTPUT_FAILED, CHECKPOINT_UNSUPPORTED
 */
export function exportModel(
  model: Model,
  dir: string,
  { from, card, maxShardBytes }: ExportOptions,
): Exported {
  refuseLora(model);
  const { config, modelType, reason, dtype } = exportConfig(model.config);
  refuseOccupied(dir, from);
  const dense = readConfig(from);
  const parameters = [...model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
  let bytes = 0;
  replaceFolder(dir, (partial) => {
    const files = saveSafetensors(join(partial, 'model.safetensors'), model.parameters(), {
      dtype,
      ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
    });
    bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    for (const file of carried) {
      if (existsSync(join(from, file))) copyDurably(join(from, file), join(partial, file));
    }
    const spelling = readFileSync(join(from, 'config.json'), 'utf8');
    const json = (file: string, value: unknown): void => {
      const text = withFloatSpelling(JSON.stringify(value, null, 2), spelling);
      writeTextDurably(join(partial, file), `${text}\n`);
    };
    json('config.json', { ...config, [ownKey]: originOf(dense, card) });
    if (!existsSync(join(partial, 'generation_config.json'))) {
      json('generation_config.json', generationOf(config));
    }
    const sizes = { dense, cut: config, parameters, note: reason };
    writeTextDurably(join(partial, 'README.md'), modelCard(card, sizes));
  });
  return { dir, modelType, ...(reason === undefined ? {} : { reason }), parameters, bytes };
}

/** Key in config.json that marks a folder as an export of ours, with the dense model's sizes. */
const ownKey = 'lorashear';

function originOf(dense: Readonly<Record<string, unknown>>, card: ModelCard): object {
  const { num_attention_heads, num_key_value_heads, intermediate_size } = dense;
  return {
    dense: {
      num_attention_heads,
      num_key_value_heads,
      intermediate_size,
      parameters: card.denseParameters,
    },
  };
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
  if (!readdirSync(dir).every((file) => carried.includes(file) || written.test(file))) return false;
  try {
    const config: unknown = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
    return config !== null && typeof config === 'object' && ownKey in config;
  } catch {
    return false;
  }
}

// PEFT's adapter folder: written so that `peft` loads it and computes the same, and read from its hand or ours.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeTextDurably } from '../checkpoint/durable_file.js';
import { replaceFolder } from '../checkpoint/replace_folder.js';
import { SafetensorsFile } from '../checkpoint/safetensors.js';
import { saveSafetensors } from '../checkpoint/save.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { clone, to } from '../tensor/ops.js';
import { type AdapterConfig, fromPeft, invalidAdapter, toPeft } from './adapter_config.js';
import { checkTensors, tensorName } from './adapter_tensors.js';
import { adapterCard } from './adapter_card.js';
import { baseFingerprint } from './fingerprint.js';
import { attachFactors, loraParameters } from './lora.js';
import { type LoraSettings, settingsOf } from './settings.js';
import { type Pattern, everyLinear, isAllLinear, shortNames, targetedLinears } from './targets.js';

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
const cardFile = 'README.md';

/**
 * Where the base's fingerprint stands: in the weights' `__metadata__`, as it belongs to them and PEFT warns about keys
 * of adapter_config.json that it does not know.
 */
const fingerprintKey = 'lorashear.base.v1';

export interface SaveAdapterOptions {
  /** Name or path of the base model, which PEFT's own loaders follow; null where there is none. */
  readonly base: string | null;
  /** The base as it is stored, where that is not the model itself (rounded to a half type); for the fingerprint. */
  readonly stored?: Model;
}

/**
 * Writes the model's LoRA (not merged, not folded) to `dir`, whole or not at all: adapter_model.safetensors (float32,
 * `base_model.model.<path>.lora_A.weight` (r, in) and `.lora_B.weight` (out, r)), adapter_config.json, README.md and
 * the base's fingerprint. An adapter that was there is replaced.
 * @throws CONFIG_INVALID when the model has no LoRA, OUTPUT_OCCUPIED when `dir` holds something else, OUTPUT_FAILED
 */
export function saveAdapter(
  model: Model,
  dir: string,
  { base, stored = model }: SaveAdapterOptions,
): void {
  const settings = settingsOf(model);
  if (!settings) {
    throw new LoraShearError('CONFIG_INVALID', 'the model has no LoRA to save', {
      hint: 'save the adapter before it is taken off, and not while it is folded',
    });
  }
  refuseOccupied(dir);
  const linears = [...everyLinear(model).values()];
  const fanInFanOut = linears.some(({ lora, layout }) => lora !== null && layout === 'in-out');
  const targets = listedTargets(model, settings);
  const config = toPeft({ settings, base }, { targets, fanInFanOut });
  const tensors = [...loraParameters(model)].map(([name, p]) => [tensorName(name), p] as const);
  const metadata = { format: 'pt', [fingerprintKey]: baseFingerprint(stored) };
  replaceFolder(dir, (partial) => {
    saveSafetensors(join(partial, weightsFile), tensors, { metadata, maxShardBytes: Infinity });
    writeTextDurably(join(partial, configFile), `${JSON.stringify(config, null, 2)}\n`);
    writeTextDurably(join(partial, cardFile), adapterCard({ settings, base }, tensors));
  });
}

function refuseOccupied(dir: string): void {
  if (!existsSync(dir)) return;
  const ours = new Set([configFile, weightsFile, cardFile]);
  const isFolder = statSync(dir).isDirectory();
  const others = isFolder ? readdirSync(dir).filter((file) => !ours.has(file)) : [];
  const isAdapter =
    existsSync(join(dir, configFile)) || (isFolder && readdirSync(dir).length === 0);
  if (isFolder && others.length === 0 && isAdapter) return;
  throw new LoraShearError('OUTPUT_OCCUPIED', `${dir} holds something other than an adapter`, {
    hint: 'give another folder for the adapter, or empty this one',
    facts: { dir, others },
  });
}

/** Names as PEFT would list them: it resolves `all-linear` before it saves, and shortens what is long. */
function listedTargets(model: Model, settings: LoraSettings): Pattern {
  const modules = [...model.modules()].map(([name]) => name);
  const { targets, layersToTransform } = settings;
  if (isAllLinear(targets)) return shortNames([...model.linears().keys()], modules);
  if (typeof targets === 'string' || targets.length < 20 || layersToTransform) return targets;
  return shortNames([...targetedLinears(model, settings).keys()], modules);
}

export interface LoadAdapterOptions {
  /** Whether the factors take gradients; PEFT's default is that they do not. */
  readonly trainable?: boolean;
  /** Of dropout in training. */
  readonly seed?: number;
}

export interface LoadedAdapter extends AdapterConfig {
  /** Whether the base was compared by its fingerprint; adapters by PEFT have none, and only shapes were. */
  readonly verified: boolean;
}

/**
 * Attaches the adapter in `dir`, by us or by PEFT, in place of the LoRA that the model had; after an error the model is as
 * it was.
 * @throws ADAPTER_INVALID, ADAPTER_UNSUPPORTED, SAFETENSORS_INVALID for the adapter itself
 * @throws ADAPTER_MISMATCH when it belongs to another base
 */
export function loadAdapter(
  model: Model,
  dir: string,
  { trainable = false, seed = 0 }: LoadAdapterOptions = {},
): LoadedAdapter {
  const { settings, base } = fromPeft(join(dir, configFile), readConfig(dir));
  using file = openWeights(dir);
  const chosen = targetedLinears(model, settings);
  checkTensors(file, { model, settings, chosen, base });
  const verified = checkBase(model, file, base);
  attachFactors(model, settings, chosen, {
    seed,
    trainable,
    factors({ weight: { device } }, _r, path) {
      // Copied: the folder may go while the model stays.
      const read = (kind: 'A' | 'B') =>
        to(clone(file.tensor(tensorName(`${path}.lora_${kind}.weight`))), device, 'float32');
      return { A: read('A'), B: read('B') };
    },
  });
  return { settings, base, verified };
}

function readConfig(dir: string): Record<string, unknown> {
  const path = join(dir, configFile);
  if (!existsSync(path)) throw invalidAdapter(dir, `there is no ${configFile}`);
  try {
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (config !== null && typeof config === 'object' && !Array.isArray(config)) {
      return config as Record<string, unknown>;
    }
  } catch (cause) {
    throw invalidAdapter(path, 'it cannot be read as JSON', { cause });
  }
  throw invalidAdapter(path, 'it is not a JSON object');
}

function openWeights(dir: string): SafetensorsFile {
  const path = join(dir, weightsFile);
  if (existsSync(path)) return new SafetensorsFile(path);
  if (!existsSync(join(dir, 'adapter_model.bin'))) {
    throw invalidAdapter(dir, `there is no ${weightsFile}`);
  }
  throw new LoraShearError('ADAPTER_UNSUPPORTED', `${dir} holds pickled weights`, {
    hint: 'load it with PEFT and save it with safe_serialization=True',
    facts: { dir },
  });
}

function checkBase(
  model: Model,
  { path, metadata }: SafetensorsFile,
  base: string | null,
): boolean {
  const made = metadata.get(fingerprintKey);
  if (made === undefined) return false;
  const here = baseFingerprint(model);
  if (made === here) return true;
  const other = `${path} was made for a base model with other weights`;
  throw new LoraShearError('ADAPTER_MISMATCH', other, {
    hint: `load it on its own base${base === null ? '' : `, ${base}`}, as it was before anything was merged`,
    facts: { path, base, expected: made, found: here },
  });
}

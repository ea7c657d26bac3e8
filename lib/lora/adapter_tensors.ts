// Do the tensors of an adapter fit its own adapter_config.json and the model?
import type { SafetensorsFile } from '../checkpoint/safetensors.js';
import { type ErrorCode, LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { type LoraSettings, scalingOf } from './settings.js';
import { everyLinear } from './targets.js';

const prefix = 'base_model.model.';

/** `….lora_A.weight` as PEFT stores it. */
export const tensorName = (parameter: string): string => `${prefix}${parameter}`;

export interface Fit {
  readonly model: Model;
  readonly settings: LoraSettings;
  /** The linears that the settings mean. */
  readonly chosen: ReadonlyMap<string, Linear>;
  readonly base: string | null;
}

/**
 * Every tensor is a factor of a chosen linear, and every chosen linear has both, in its shape.
 * @throws ADAPTER_UNSUPPORTED for tensors that are no factors of linears
 * @throws ADAPTER_MISMATCH where the model has no such linear, or one of other extents
 * @throws ADAPTER_INVALID where tensors and settings contradict each other
 */
export function checkTensors(file: SafetensorsFile, { model, settings, chosen, base }: Fit): void {
  const refuse = (code: ErrorCode, what: string, names: readonly string[], hint: string): void => {
    if (names.length === 0) return;
    const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
    const seen = `${file.path}: ${what}: ${names.slice(0, 3).join(', ')}${more}`;
    throw new LoraShearError(code, seen, { hint, facts: { path: file.path, base, names } });
  };
  const ownBase = `load it on its own base model${base === null ? '' : `, ${base}`}`;
  const again = 'copy or save the adapter again: both files of one run';
  const stored = [...file.entries.values()];
  const pathOf = (name: string): string | undefined =>
    /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(name)?.[1];
  const foreign = stored.filter(
    ({ name, stored: type }) => pathOf(name) === undefined || !/^B?F(16|32|64)$/.test(type),
  );
  refuse(
    'ADAPTER_UNSUPPORTED',
    'these are no floating-point factors of linears',
    foreign.map(({ name, stored: type }) => `${name} (${type})`),
    'DoRA, embeddings, biases and copies of base weights (save_embedding_layers) are not read',
  );
  const linears = everyLinear(model);
  const paths = [...new Set(stored.map(({ name }) => pathOf(name) as string))];
  const unknown = paths.filter((path) => !linears.has(path));
  refuse('ADAPTER_MISMATCH', 'the model has no such linears', unknown, ownBase);
  const extra = paths.filter((path) => !chosen.has(path));
  refuse('ADAPTER_INVALID', 'target_modules does not name what has factors', extra, again);
  const missing: string[] = [];
  const misfits: string[] = [];
  const ranks: string[] = [];
  for (const [path, { inFeatures, outFeatures }] of chosen) {
    const { r } = scalingOf(settings, path);
    for (const [kind, expected] of [
      ['A', [r, inFeatures]],
      ['B', [outFeatures, r]],
    ] as const) {
      const name = tensorName(`${path}.lora_${kind}.weight`);
      const shape = file.entries.get(name)?.shape;
      const side = kind === 'A' ? 1 : 0;
      const said = `${name} is [${shape?.join(', ') ?? ''}], not [${expected.join(', ')}]`;
      if (!shape) missing.push(name);
      else if (shape.length !== 2 || shape[1 - side] !== expected[1 - side]) ranks.push(said);
      else if (shape[side] !== expected[side]) misfits.push(said);
    }
  }
  refuse('ADAPTER_INVALID', 'factors are missing', missing, again);
  refuse('ADAPTER_INVALID', 'ranks are not those of adapter_config.json', ranks, again);
  refuse('ADAPTER_MISMATCH', 'the model’s linears have other extents', misfits, ownBase);
  if (chosen.size > 0) return;
  const { targets } = settings;
  refuse('ADAPTER_MISMATCH', 'no linear of the model matches', [targets].flat(), ownBase);
}

// config.json of one layer: the model's, with what `per_layer_config` says otherwise (transformers' heterogeneous form).
import { LoraShearError } from '../errors.js';
import type { RawConfig } from './model.js';

/** Halves of a block that may be missing. */
export type Sublayer = 'attention' | 'mlp';

type Overrides = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/** What `per_layer_config` holds: by number of the layer, the keys that differ there. */
export function overridesOf(config: RawConfig): Overrides {
  const found = config['per_layer_config'];
  if (found === undefined || found === null) return {};
  if (typeof found === 'object' && !Array.isArray(found)) return found as Overrides;
  throw new LoraShearError('CHECKPOINT_INVALID', 'config.json: per_layer_config is no mapping', {
    hint: 'it maps numbers of layers to the keys that differ there',
  });
}

/** The config of layer `i`. */
export function layerConfig(config: RawConfig, i: number): RawConfig {
  const own = overridesOf(config)[String(i)];
  return own === undefined ? config : { ...config, ...own, per_layer_config: undefined };
}

/** Halves of the block that this layer does not have. @param config of the layer */
export function skipped(config: RawConfig): ReadonlySet<Sublayer> {
  const skip = config['skip'];
  return new Set(Array.isArray(skip) ? (skip as Sublayer[]) : []);
}

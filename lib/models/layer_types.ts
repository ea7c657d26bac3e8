// Which layers look back on a window only: `layer_types` of config.json, or the pattern that a family means without it.
import { z } from 'zod';
import type { RawConfig } from './model.js';
import { positive, readConfigBy, refuse, window } from './read_config.js';

const types = ['full_attention', 'sliding_attention'] as const;

export type LayerType = (typeof types)[number];

const schema = z.looseObject({
  num_hidden_layers: positive,
  layer_types: z.array(z.string()).nullish(),
});

/**
 * The kind of every layer.
 * @param slides where there is no list: does layer `i` look back on a window only?
 * @throws CHECKPOINT_INVALID for a list of another length, CHECKPOINT_UNSUPPORTED for another kind
 */
export function layerTypesOf(
  config: RawConfig,
  family: string,
  slides: (i: number) => boolean,
): readonly LayerType[] {
  const read = schema.refine(({ num_hidden_layers: n, layer_types: t }) => !t || t.length === n, {
    path: ['layer_types'],
    message: 'needs one entry for each layer',
  });
  const { num_hidden_layers: layers, layer_types: stated } = readConfigBy(family, read, config);
  const known = (type: string): type is LayerType => (types as readonly string[]).includes(type);
  const odd = stated?.find((type) => !known(type));
  refuse(odd !== undefined, family, `layers of the kind '${odd}'`);
  return (
    stated?.filter(known) ??
    Array.from({ length: layers }, (_, i) => (slides(i) ? 'sliding_attention' : 'full_attention'))
  );
}

/** Keys that a layer of this kind looks back on, itself included; null: all. */
export function windowOf(config: RawConfig, family: string, type: LayerType): number | null {
  if (type === 'full_attention') return null;
  const schema = z.looseObject({ sliding_window: window });
  return readConfigBy(family, schema, config).sliding_window ?? null;
}

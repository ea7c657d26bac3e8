// The config.json of a model cut to uniform widths, and the form in which it would be exported.
import { exportConfig } from '../checkpoint/export_config.js';
import { sizesAfter } from '../compress/sizes_after.js';
import { LoraShearError } from '../errors.js';
import type { Partition } from '../groups/group.js';
import type { Architecture, RawConfig } from '../models/model.js';
import { resizeConfig } from '../models/sizes.js';
import { architectureOf } from '../models/index.js';
import { type Candidate, type Matrix, candidateOf } from './engines/engine.js';

/** `config` after the first units of each group are gone; which ones go does not matter for its sizes. */
export function cutConfig(
  architecture: Architecture,
  config: RawConfig,
  partition: Partition,
  counts: ReadonlyMap<string, number>,
): RawConfig {
  const removed = new Map(
    [...counts]
      .filter(([, count]) => count > 0)
      .map(([id, count]) => [id, Array.from({ length: count }, (_, unit) => unit)]),
  );
  if (removed.size === 0) return config;
  // Whole parameters go with sublayers only, which uniform widths leave alone.
  const losses = { of: new Map(), whole: new Set<string>() };
  const resized = sizesAfter(architecture, config, partition, removed, losses);
  return resizeConfig(config, architecture.sizes, resized);
}

/** The model as engines would see it: exported as the family that loads, where there is one. */
export function exported(
  config: RawConfig,
  architecture: Architecture,
  matrices: readonly Matrix[],
): Candidate {
  try {
    const { config: saved, reason } = exportConfig(config);
    return candidateOf(saved, architectureOf(saved).sizes, matrices, reason);
  } catch (thrown) {
    // It has no exported form: the rules say why.
    if (!(thrown instanceof LoraShearError) || thrown.code !== 'CHECKPOINT_UNSUPPORTED')
      throw thrown;
    return candidateOf(config, architecture.sizes, matrices);
  }
}

// The config.json of a cut model, and the form in which it would be exported.
import { exportConfig } from '../checkpoint/export_config.js';
import { sizesAfter } from '../compress/sizes_after.js';
import { LoraShearError } from '../errors.js';
import { type NodeGroup, type Partition, composedKinds } from '../groups/group.js';
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
  const groups = new Map(partition.groups.map((group) => [group.id, group]));
  const removed = new Map(
    [...counts]
      .filter(([, count]) => count > 0)
      .map(([id, count]) => [id, firstUnits(groups.get(id), count)]),
  );
  if (removed.size === 0) return config;
  // Whole parameters go with sublayers and layers.
  const whole = new Set<string>();
  for (const id of removed.keys()) {
    const group = groups.get(id);
    if (!group || !composedKinds.has(group.kind)) continue;
    for (const { param } of group.slices) whole.add(param);
  }
  const losses = { of: new Map(), whole };
  const resized = sizesAfter(architecture, config, partition, removed, losses);
  return resizeConfig(config, architecture.sizes, resized);
}

/** The first units of a group, of each of its blocks as many. */
function firstUnits(group: NodeGroup | undefined, count: number): number[] {
  const { blocks = 1, units = count } = group ?? {};
  return Array.from({ length: count }, (_, i) => {
    const [place, block] = [Math.floor(i / blocks), i % blocks];
    return (block * units) / blocks + place;
  }).sort((a, b) => a - b);
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

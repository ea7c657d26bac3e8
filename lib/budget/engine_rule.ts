// Engines as a constraint on a budget: what an asked engine would not load is not chosen (conventions §3.3).
import type { RawConfig } from '../models/model.js';
import { architectureOf } from '../models/index.js';
import type { Costs, Counts } from '../plan/costs.js';
import { judge } from '../plan/engines/index.js';
import { cutConfig, exported } from '../plan/shapes.js';

/**
 * The rule of the first engine that refuses the model after a cut, as `vllm: all layers have the same sizes (…)`; null
 * where all of them load it.
 * @param config of the dense model
 * @throws CONFIG_INVALID for a name that is no engine
 */
export function engineRule(
  config: RawConfig,
  costs: Costs,
  names: readonly string[],
): (counts: Counts) => string | null {
  const architecture = architectureOf(config);
  return (counts) => {
    const after = cutConfig(architecture, config, costs.partition, counts);
    const verdicts = judge(exported(after, architecture, costs.matrices(counts)), names);
    for (const { engine, rules } of verdicts) {
      const broken = rules.find(({ ok }) => !ok);
      if (broken) return `${engine}: ${broken.rule} (${broken.detail})`;
    }
    return null;
  };
}

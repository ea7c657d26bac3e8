// The groups of a model by its config alone, on weightless tensors.
import type { Partition, PartitionPolicy } from '../groups/group.js';
import { partition } from '../groups/partition.js';
import { verifyPartition } from '../groups/verify.js';
import { architectureOf } from '../models/index.js';
import type { RawConfig } from '../models/model.js';
import { metaWeights } from '../nn/weight_source.js';
import { trace } from '../trace/trace.js';

/** The checked partition of the model of `config`, without LoRA. */
export function structureOf(config: RawConfig, policy: PartitionPolicy): Partition {
  using model = architectureOf(config).build(config, metaWeights());
  const graph = trace(model);
  const found = partition(graph, policy);
  verifyPartition(found, graph);
  return found;
}

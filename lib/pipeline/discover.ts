// From a model folder's config to its graph and partition: on meta tensors, so that no weight is read.
import type { GraphArtefact } from '../artefacts.js';
import { readConfig } from '../checkpoint/load.js';
import type { Graph } from '../graph/graph.js';
import type { Partition, PartitionPolicy } from '../groups/group.js';
import { partition } from '../groups/partition.js';
import { verifyPartition } from '../groups/verify.js';
import { attachLora } from '../lora/lora.js';
import { architectureOf } from '../models/index.js';
import { metaWeights } from '../nn/weight_source.js';
import { trace } from '../trace/trace.js';

/** The operator graph of the model in `dir` with LoRA on the linears of its blocks, or as it is. */
export function discoverGraph(
  dir: string,
  lora: { readonly r: number; readonly alpha: number } | null,
): Graph {
  const config = readConfig(dir);
  using model = architectureOf(config).build(config, metaWeights());
  if (lora) attachLora(model, { r: lora.r, alpha: lora.alpha, seed: 0 });
  return trace(model);
}

/** Node groups of the graph, checked. */
export function discoverGroups(graph: Graph, policy: PartitionPolicy = {}): Partition {
  const groups = partition(graph, policy);
  verifyPartition(groups, graph);
  return groups;
}

/** Counts for graph.json. */
export function summarise(graph: Graph, parameters: number, seconds: number): GraphArtefact {
  return { nodes: graph.nodes.length, values: graph.values.length, parameters, seconds };
}

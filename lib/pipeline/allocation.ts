// The budget stage: how many units every group loses, and by what importance.
import type { BudgetArtefact, KnowledgeArtefact } from '../artefacts.js';
import { type Allocation, type BudgetOptions, allocate } from '../budget/allocate.js';
import { engineRule } from '../budget/engine_rule.js';
import {
  type Importance,
  importanceOfKnowledge,
  importanceOfScores,
} from '../budget/importance.js';
import { keptHeadsRule } from '../checkpoint/export_config.js';
import { readConfig } from '../checkpoint/load.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import type { Graph } from '../graph/graph.js';
import type { NodeGroup, Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import { Costs } from '../plan/costs.js';
import { useOf } from '../plan/plan.js';
import { parseTarget } from '../plan/target.js';
import { scoreModel } from '../saliency/mix.js';
import { partsOf } from '../saliency/spec.js';
import type { TokenBatch } from '../train/language_model_loss.js';
import { openWorkingModel } from './working_model.js';

/** Every unit of every group does damage in proportion to what it costs. */
function evenImportance(costs: Costs): Importance {
  return new Map(
    prunable(costs.partition).map((group) => [
      group.id,
      Float64Array.from({ length: group.units + 1 }, (_, k) => k * group.cost),
    ]),
  );
}

const prunable = ({ groups }: Partition): NodeGroup[] => groups.filter((group) => group.prunable);

/**
 * Before anything is measured: with rule `layer` what the run will cut, with the others whether the target can be met.
 * @throws RATIO_UNREACHABLE, CONFIG_INVALID
 */
export function plannedAllocation(job: Job, graph: Graph, partition: Partition): Allocation {
  const costs = costsOf(job, graph, partition);
  return allocate(costs, { ...optionsOf(job, costs), importance: evenImportance(costs) });
}

export interface AllocationInput {
  readonly job: Job;
  readonly graph: Graph;
  readonly partition: Partition;
  readonly knowledge: KnowledgeArtefact;
  readonly calibration: readonly TokenBatch[];
}

/** @throws as {@link plannedAllocation}; protected groups lose nothing unless the rule is `layer` */
export function allocation(ctx: Context, input: AllocationInput): BudgetArtefact {
  const { job, graph, partition, knowledge } = input;
  const costs = costsOf(job, graph, partition);
  const guarded = new Set(knowledge.groups.filter((group) => group.protected).map(({ id }) => id));
  const importance = importanceFor(ctx, input);
  const found = allocate(costs, { ...optionsOf(job, costs), importance, protected: guarded });
  const { counts, target: _, ...rest } = found;
  return {
    ...rest,
    measure: job.cut.budget,
    ratio: job.ratio,
    importance: job.cut.allocation === 'layer' ? null : job.cut.importance,
    before: costs.total,
    counts: Object.fromEntries(counts),
    protected: [...guarded],
  };
}

/** Layers that lose alike need none. */
function importanceFor(ctx: Context, input: AllocationInput): Importance | undefined {
  const { job, partition, knowledge } = input;
  if (job.cut.allocation === 'layer') return undefined;
  return job.cut.importance === 'knowledge'
    ? importanceOfKnowledge(knowledge, prunable(partition))
    : importanceByScores(ctx, input);
}

function costsOf({ model }: Job, graph: Graph, partition: Partition): Costs {
  const config = readConfig(model);
  return new Costs(graph, partition, useOf(config, architectureOf(config).sizes));
}

function optionsOf({ model, ratio, cut, export: { form } }: Job, costs: Costs): BudgetOptions {
  const config = readConfig(model);
  const { budget, allocation: rule, floor, kvHeads, roundChannelsTo, engines } = cut;
  return {
    ...{ target: parseTarget(`${budget}=${ratio}`), rule, floor, kvHeads, roundChannelsTo },
    ...(form === 'uniform' ? { allowKept: keptHeadsRule(config) } : {}),
    ...(engines.length > 0 ? { accepts: engineRule(config, costs, engines) } : {}),
  };
}

/** Scores of the dense model, as LHSPG's first choice sees them. @throws as {@link scoreGroups} */
function importanceByScores(ctx: Context, input: AllocationInput): Importance {
  const { job, partition, calibration } = input;
  const groups = prunable(partition);
  const spec = job.lhspg.saliency;
  using model = openWorkingModel(ctx, job, job.model);
  const scores = scoreModel(spec, ctx, model, groups, calibration, job.seed);
  const accumulated = partsOf(spec).every(([name]) => name === 'reconstruction');
  return importanceOfScores(scores, groups, { norm: 'l1', accumulated });
}

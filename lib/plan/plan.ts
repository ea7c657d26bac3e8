// A model before any weight is read: what its units cost, what a target makes of it, who loads that, what a run takes.
import { basename } from 'node:path';
import { readConfig } from '../checkpoint/load.js';
import { keptHeadsRule } from '../checkpoint/export_config.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { type Partition, cuttableKinds } from '../groups/group.js';
import { partition } from '../groups/partition.js';
import { architectureOf } from '../models/index.js';
import type { RawConfig } from '../models/model.js';
import type { Budget } from '../pipeline/budget.js';
import { discoverGraph } from '../pipeline/discover.js';
import { type Allocation, type BudgetOptions, allocate } from '../budget/allocate.js';
import { Costs, type Measures, type Use } from './costs.js';
import { judge } from './engines/index.js';
import type { Verdict } from './engines/engine.js';
import { type Prediction, predict } from './prediction.js';
import { measureRate } from './rate.js';
import { type GroupRow, groupRows, prunableIds } from './rows.js';
import { cutConfig, exported } from './shapes.js';
import { type Stored, readStored } from './stored.js';
import { type Target, parseTarget } from './target.js';

/** Element types that weights and caches may have. */
export const planDtypes = ['float32', 'bfloat16', 'float16'] as const;
export type PlanDtype = (typeof planDtypes)[number];

export interface PlanSettings {
  /** As {@link parseTarget} reads it; default: the job's share of the parameters. */
  target?: string | undefined;
  /** Channels that stay are a multiple of this; default 1. */
  roundChannelsTo?: number | undefined;
  /** Tokens of a text in use; default: the model's context. */
  context?: number | undefined;
  /** Texts at a time in use; default 1. */
  batch?: number | undefined;
  /** Type of weights and cache in use; default: what config.json says. */
  dtype?: string | undefined;
  /** Engines that are asked; default all. */
  engines?: readonly string[] | undefined;
  /** Measure this machine, for the time of a run; default true. */
  probe?: boolean | undefined;
  /** Draw the operator graph; default false. */
  svg?: boolean | undefined;
}

/** What a cut to the target leaves. */
export interface PlannedCut {
  readonly target: Target;
  readonly kvHeads: number | null;
  readonly channels: number | null;
  readonly kvHeadsRemovedPerLayer: number | null;
  readonly channelsRemovedPerLayer: number | null;
  readonly after: Measures;
  /** Shares of each measure that go. */
  readonly ratios: Measures;
  /** config.json as it would be exported. */
  readonly config: RawConfig;
  readonly engines: readonly Verdict[];
}

export interface ModelPlan {
  readonly model: string;
  readonly modelType: string;
  readonly layers: number;
  readonly use: Use & { readonly dtype: PlanDtype };
  readonly total: Measures;
  readonly groups: readonly GroupRow[];
  readonly stored: Stored | null;
  /** null, with the reason beside it, where nobody asked for a target and the job's share cannot be reached. */
  readonly cut: PlannedCut | null;
  readonly unreachable: string | null;
  readonly prediction: Prediction | null;
  readonly svg: string | null;
}

/** The model with its LoRA, and the steps of the job; null where its tokens do not reach for a run. */
export interface Discovered {
  readonly graph: Graph;
  readonly partition: Partition;
  readonly budget: Budget | null;
}

/**
 * What `job` would do with its model, or another target of `settings`.
 * @throws CONFIG_INVALID, RATIO_UNREACHABLE for an asked target, CHECKPOINT_*, TENSOR_*
 */
export async function planModel(
  ctx: Context,
  job: Job,
  { graph, partition: groups, budget }: Discovered,
  settings: PlanSettings = {},
): Promise<ModelPlan> {
  const config = readConfig(job.model);
  const architecture = architectureOf(config);
  const use = useOf(config, architecture.sizes, settings);
  const stored = readStored(job.model, config);
  const costs = new Costs(graph, groups, use);
  ctx.checkpoint();

  const target = parseTarget(settings.target ?? String(job.ratio));
  const [widths, unreachable] = widthsOrReason(costs, target, {
    asked: settings.target !== undefined,
    kvHeads: job.cut.kvHeads,
    roundChannelsTo: settings.roundChannelsTo ?? 1,
    allowKept: keptHeadsRule(config),
  });
  const cut = widths && plannedCut();
  ctx.checkpoint();
  const prediction =
    budget &&
    predict({
      ...{ graph, partition: groups, budget, work: job },
      ...{ dense: costs.total, cut: widths?.after ?? costs.total },
      program: process.memoryUsage.rss(),
      rate:
        settings.probe === false
          ? null
          : measureRate(ctx.device, {
              rows: job.batchSize * job.sequenceLength,
              width: Number(config[architecture.sizes.width]),
            }),
    });
  // Every kind with its cost, also those that a run cuts on request only.
  const all = partition(graph, { kinds: cuttableKinds });
  const rows = groupRows(new Costs(graph, all, use), prunableIds(groups));
  const modelType = String(config['model_type']);
  const title = `${basename(job.model)}: ${modelType}, ${costs.total.parameters.toLocaleString('en-US')} parameters`;
  return {
    ...{ model: job.model, modelType, use, stored },
    layers: Number(config[architecture.sizes.layers]),
    ...{ total: costs.total, groups: rows, cut, unreachable, prediction },
    svg: settings.svg === true ? await drawn(job.model, title, rows) : null,
  };

  function plannedCut(): PlannedCut {
    const { counts, after: left, ratios, ...rest } = widths as Allocation;
    const { kvHeads, channels, kvHeadsRemovedPerLayer, channelsRemovedPerLayer } = rest;
    const after = cutConfig(architecture, config, groups, counts);
    const candidate = exported(after, architecture, costs.matrices(counts));
    const engines = judge(candidate, settings.engines);
    return {
      ...{ target, kvHeads, channels, kvHeadsRemovedPerLayer, channelsRemovedPerLayer, ratios },
      ...{ after: left, config: candidate.config, engines },
    };
  }
}

async function drawn(model: string, title: string, rows: readonly GroupRow[]): Promise<string> {
  const { drawGraph } = await import('./drawing/svg.js');
  const graph = discoverGraph(model, null);
  return drawGraph(graph, partition(graph), rows, title);
}

function widthsOrReason(
  costs: Costs,
  target: Target,
  { asked, ...options }: Omit<BudgetOptions, 'target' | 'rule'> & { asked: boolean },
): [Allocation | null, string | null] {
  try {
    return [allocate(costs, { target, rule: 'layer', ...options }), null];
  } catch (thrown) {
    if (asked || !(thrown instanceof LoraShearError) || thrown.code !== 'RATIO_UNREACHABLE')
      throw thrown;
    return [null, thrown.message];
  }
}

/** How a model is used, by its config.json where `settings` do not say. @throws CONFIG_INVALID */
export function useOf(
  config: RawConfig,
  keys: ReturnType<typeof architectureOf>['sizes'],
  { context, batch = 1, dtype }: PlanSettings = {},
): ModelPlan['use'] {
  const written = config['dtype'] ?? config['torch_dtype'];
  const known = planDtypes.find((name) => name === (dtype ?? written));
  if (dtype !== undefined && !known) {
    throw invalid(`the dtype "${dtype}"`, `give one of ${planDtypes.join(', ')}`);
  }
  const longest = ['max_position_embeddings', 'n_positions'].map((key) => Number(config[key]));
  const length = context ?? longest.find((n) => n > 0) ?? 2048;
  for (const [name, value] of [
    ['context', length],
    ['batch', batch],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw invalid(`a ${name} of ${value}`, 'give a whole number from 1 on');
    }
  }
  const perToken = config['num_experts_per_tok'];
  return {
    ...{ context: length, batch, dtype: known ?? 'float32' },
    bytes: (known ?? 'float32') === 'float32' ? 4 : 2,
    ...(keys.experts !== undefined && typeof perToken === 'number'
      ? { expertsPerToken: perToken }
      : {}),
  };
}

const invalid = (what: string, hint: string): LoraShearError =>
  new LoraShearError('CONFIG_INVALID', `${what} cannot be planned for`, { hint });

// The pipeline on one page: a dense checkpoint goes in, a smaller recovered one with its report comes out.
import type {
  BudgetArtefact,
  CutArtefact,
  EvaluationArtefact,
  ExportArtefact,
  KnowledgeArtefact,
  LhspgArtefact,
} from './artefacts.js';
import { loadModel, readConfig } from './checkpoint/load.js';
import type { Allocation } from './budget/allocate.js';
import type { Job } from './config/job.js';
import type { Context } from './context.js';
import { type Corpus, openCorpus } from './data/corpus.js';
import { readTasks } from './evaluate/commands.js';
import { describePartition } from './groups/describe.js';
import type { Graph } from './graph/graph.js';
import type { Partition } from './groups/group.js';
import { distribution } from './knowledge/distribution.js';
import { allocation, plannedAllocation } from './pipeline/allocation.js';
import { type Yardstick, assess } from './pipeline/assess.js';
import { type Budget, budgetOf } from './pipeline/budget.js';
import { cardOf } from './pipeline/card.js';
import { type ModelPlan, type PlanSettings, planModel } from './plan/plan.js';
import { discoverGraph, discoverGroups, summarise } from './pipeline/discover.js';
import { cut, prune } from './pipeline/prune.js';
import { exportRun } from './pipeline/export_run.js';
import {
  type Instructions,
  readExamples,
  recoverInstruct,
  recoverPretraining,
} from './pipeline/restore.js';
import { calibrationOf, probeOf } from './pipeline/windows.js';
import { openWorkingModel } from './pipeline/working_model.js';
import { writeReport } from './report/write_report.js';
import type { RunFolder } from './run_folder/run_folder.js';
import { type Tokenizer, checkVocabulary, loadTokenizer } from './tokenizer/tokenizer.js';
import type { TokenBatch } from './train/language_model_loss.js';

/** What an analysis leaves. */
export interface AnalysisSummary {
  readonly output: string;
  readonly partition: Partition;
  readonly knowledge: KnowledgeArtefact;
  /** What a cut by the job's budget would take from every group. */
  readonly budget: BudgetArtefact;
}

/** What a pruning without recovery leaves. */
export interface PruneSummary {
  readonly output: string;
  /** Folder of the exported model. */
  readonly model: string;
  readonly budget: BudgetArtefact;
  readonly cut: CutArtefact;
  readonly export: ExportArtefact;
}

/** What a finished run says of itself. */
export interface RunSummary {
  readonly output: string;
  /** Folder of the exported model. */
  readonly model: string;
  readonly report: string;
  readonly cut: CutArtefact;
  readonly dense: EvaluationArtefact;
  readonly pruned: EvaluationArtefact;
  readonly recovered: EvaluationArtefact;
}

/** What a run would do, without reading a weight. */
export interface Plan extends ModelPlan {
  readonly partition: Partition;
  readonly description: string;
  /** What the run would cut: a share of the parameters, whatever other target was asked about. */
  readonly widths: Omit<Allocation, 'counts'>;
  readonly budget: Budget;
}

/** Traces, partitions and plans the widths and steps of a job. @throws RATIO_UNREACHABLE, CHECKPOINT_* */
export async function planJob(ctx: Context, job: Job, settings: PlanSettings = {}): Promise<Plan> {
  ctx.checkpoint();
  const budget = budgetOf(job);
  const graph = discoverGraph(job.model, job.lora);
  const partition = discoverGroups(graph, job.cut);
  const model = await planModel(ctx, job, { graph, partition, budget }, settings);
  const { counts: _, ...widths } = plannedAllocation(job, graph, partition);
  return { ...model, partition, description: describePartition(partition), widths, budget };
}

/** The same of a model alone, as far as it goes without a job of one's own. @throws as {@link planModel} */
export async function planFolder(
  ctx: Context,
  job: Job,
  settings: PlanSettings,
): Promise<ModelPlan> {
  ctx.checkpoint();
  const graph = discoverGraph(job.model, job.lora);
  const budget = budgetOf(job);
  return planModel(
    ctx,
    job,
    { graph, partition: discoverGroups(graph, job.cut), budget },
    settings,
  );
}

/** A job whose inputs were read and found to be right, in its folder. */
interface Opened {
  readonly ctx: Context;
  readonly job: Job;
  readonly folder: RunFolder;
  readonly graph: Graph;
  readonly partition: Partition;
  readonly corpus: Corpus;
  readonly tokenizer: Tokenizer;
  readonly calibration: (sequences: number) => TokenBatch[];

// The pipeline on one page: a dense checkpoint goes in, a smaller recovered one with its report comes out.
import { join } from 'node:path';
import type {
  BudgetArtefact,
  CutArtefact,
  EvaluationArtefact,
  ExportArtefact,
  KnowledgeArtefact,
  LhspgArtefact,
  RecoveryArtefact,
} from './artefacts.js';
import { loadModel, readConfig } from './checkpoint/load.js';
import type { Allocation } from './budget/allocate.js';
import type { Job } from './config/job.js';
import type { Context } from './context.js';
import type { Corpus } from './data/corpus.js';
import { describePartition } from './groups/describe.js';
import type { Graph } from './graph/graph.js';
import type { Partition } from './groups/group.js';
import { distribution } from './knowledge/distribution.js';
import { allocation, plannedAllocation } from './pipeline/allocation.js';
import { assess } from './pipeline/assess.js';
import { type Budget, budgetOf } from './pipeline/budget.js';
import { cardOf } from './pipeline/card.js';
import { type ModelPlan, type PlanSettings, planModel } from './plan/plan.js';
import { discoverGraph, discoverGroups, summarise } from './pipeline/discover.js';
import { cut, prune } from './pipeline/prune.js';
import { exportRun } from './pipeline/export_run.js';
import { readCorpus } from './pipeline/read_corpus.js';
import {
  type Instructions,
  readExamples,
  recoverInstruct,
  recoverPretraining,
} from './pipeline/restore.js';
import { calibrationOf, probeOf } from './pipeline/windows.js';
import { openWorkingModel } from './pipeline/working_model.js';
import { readQuestions, yardstickOf } from './pipeline/yardstick.js';
import { reportPaths, writePages } from './report/write_report.js';
import { leastBytes, refuseFullDisk } from './run_folder/refuse_full_disk.js';
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
  /** On pretraining text, then on instructions where there are any. */
  readonly recovery: readonly RecoveryArtefact[];
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
  const partition = discoverGroups(graph, job.cut);
  return planModel(ctx, job, { graph, partition, budget: budgetOf(job) }, settings);
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
  /** Held-out windows on which cuts are proved. */
  readonly probe: TokenBatch;
}

/** What a job alone shows to be impossible. @throws RATIO_UNREACHABLE, CONFIG_INVALID, CHECKPOINT_* */
export function refuseImpossible(job: Job): void {
  budgetOf(job);
  const graph = discoverGraph(job.model, job.lora);
  plannedAllocation(job, graph, discoverGroups(graph, job.cut));
}

/** What cannot work is refused before text is read: a broken checkpoint, a ratio out of reach. */
async function opened(ctx: Context, job: Job, folder: RunFolder): Promise<Opened> {
  const { lora, sequenceLength } = job;
  const tokenizer = loadTokenizer(job.model);
  checkVocabulary(tokenizer, Number(readConfig(job.model)['vocab_size']));
  loadModel(job.model, { device: ctx.device }).dispose();
  const start = performance.now();
  const graph = discoverGraph(job.model, lora);
  const partition = discoverGroups(graph, job.cut);
  const seconds = (performance.now() - start) / 1000;
  plannedAllocation(job, graph, partition);

  const corpus = await readCorpus(ctx, job, tokenizer, folder.file('tokens'));
  const { deduplicate } = job;
  await folder.stage('load', { sequenceLength, deduplicate }, () => corpus.splits);
  await folder.stage('trace', { lora }, () => summarise(graph, partition.parameters, seconds));
  await folder.stage('partition', { kinds: job.cut.kinds }, () => partition);
  const calibration = (sequences: number): TokenBatch[] =>
    calibrationOf(job, corpus.train, sequences);
  const probe = probeOf(job, corpus.validation);
  return { ctx, job, folder, graph, partition, corpus, tokenizer, calibration, probe };
}

/** Where knowledge sits, and what every group loses therefore. */
async function analysed(run: Opened): Promise<[KnowledgeArtefact, BudgetArtefact]> {
  const { ctx, job, folder, graph, partition, calibration } = run;
  const { knowledge: analysis, seed, dtype, cut, ratio } = job;
  const knowledge = await folder.stage('knowledge', { analysis, seed, dtype }, () => {
    using model = openWorkingModel(ctx, job, job.model);
    const { proxy, ratios, protect: protectShare, pairs } = analysis;
    const batches = calibration(analysis.sequences);
    const file = join(folder.checkpointDir('knowledge'), 'trials.jsonl');
    const options = { proxy, ratios, protectShare, pairs, seed, file };
    return distribution(ctx, model, partition.groups, batches, options);
  });
  const { kinds: _, ...cutting } = cut;
  const saliency = cut.importance === 'saliency' ? job.lhspg.saliency : null;
  const inputs = { cutting, ratio, saliency, uniform: job.export.form === 'uniform' };
  const budget = await folder.stage('budget', inputs, () =>
    allocation(ctx, {
      ...{ job, graph, partition, knowledge },
      calibration: calibration(job.lhspg.sequences),
    }),
  );
  return [knowledge, budget];
}

interface Pruned {
  readonly knowledge: KnowledgeArtefact;
  readonly plan: BudgetArtefact;
  readonly lhspg: LhspgArtefact;
  readonly cut: CutArtefact;
  /** Folder of the cut model. */
  readonly dir: string;
}

async function pruned(run: Opened): Promise<Pruned> {
  const { ctx, job, folder, partition, corpus, calibration, probe } = run;
  const budget = budgetOf(job);
  refuseFullDisk(folder.path, leastBytes(job, partition.parameters));
  const [knowledge, plan] = await analysed(run);
  const from = folder.checkpointDir('lhspg');
  const dir = folder.checkpointDir('compress');
  const input = {
    ...{ job, corpus, partition, plan, budget, probe, dir: from },
    calibration: calibration(job.lhspg.sequences),
  };
  const { seed, lora, batchSize, microBatchSize, checkpointing } = job;
  const training = {
    lhspg: job.lhspg,
    budget,
    seed,
    lora,
    batchSize,
    microBatchSize,
    checkpointing,
  };
  const lhspg = await folder.stage('lhspg', training, () => prune(ctx, input));
  const result = await folder.stage('compress', {}, () => cut(ctx, input, lhspg, { from, dir }));
  return { knowledge, plan, lhspg, cut: result, dir };
}

/** Analyses the job's model: stages load to budget. @throws as {@link pipeline} */
export async function analyzeJob(
  ctx: Context,
  job: Job,
  folder: RunFolder,
): Promise<AnalysisSummary> {
  const run = await opened(ctx, job, folder);
  const [knowledge, budget] = await analysed(run);
  return { output: folder.path, partition: run.partition, knowledge, budget };
}

/** Prunes and cuts without recovery, and exports what is left. @throws as {@link pipeline} */
export async function pruneJob(ctx: Context, job: Job, folder: RunFolder): Promise<PruneSummary> {
  const run = await opened(ctx, job, folder);
  const { plan, cut: result, dir } = await pruned(run);
  const model = folder.file('model');
  const exported = await folder.stage('export', { export: job.export }, () =>
    exportRun(ctx, job, {
      from: dir,
      to: model,
      probe: run.probe,
      card: cardOf(job, null, result),
    }),
  );
  return { output: folder.path, model, budget: plan, cut: result, export: exported };
}

/**
 * Runs the job in its folder; every stage whose artefact stands is read instead of computed.
 * @throws LoraShearError of any stage; RUN_ABORTED after saving what was done
 */
export async function pipeline(ctx: Context, job: Job, folder: RunFolder): Promise<RunSummary> {
  const budget = budgetOf(job);
  const questions = await readQuestions(job);
  const run = await opened(ctx, job, folder);
  const { corpus, tokenizer } = run;
  const instructions = job.instruct && (await readExamples(job, job.instruct, tokenizer, ctx));
  const yardstick = yardstickOf({ job, corpus, tokenizer }, questions);
  const { evaluation } = job;
  const assessed = (name: EvaluationArtefact['model'], dir: string): Promise<EvaluationArtefact> =>
    folder.stage(`evaluate-${name}`, { evaluation }, (timings) => {
      using model = openWorkingModel(ctx, job, dir);
      return assess(ctx, model, name, { ...yardstick, timings });
    });

  const { cut: result, dir } = await pruned(run);
  const dense = await assessed('dense', job.model);
  const cutScores = await assessed('cut', dir);
  const { dir: last, stages } = await recovered(run, { from: dir, budget, instructions });

  const modelDir = folder.file('model');
  await folder.stage('export', { export: job.export }, () =>
    exportRun(ctx, job, {
      ...{ from: last, to: modelDir, probe: run.probe },
      card: cardOf(job, dense, result, stages),
    }),
  );
  const final = await assessed('recovered', modelDir);
  await folder.stage('report', {}, () => writePages(folder.path));
  return {
    ...{ output: folder.path, model: modelDir, report: reportPaths(folder.path).html, cut: result },
    ...{ dense, pruned: cutScores, recovered: final, recovery: stages },
  };
}

/** Both recovery stages, and the folder of the model that they end with. */
async function recovered(
  { ctx, job, folder, corpus }: Opened,
  given: { from: string; budget: Budget; instructions: Instructions | null },
): Promise<{ dir: string; stages: RecoveryArtefact[] }> {
  const { recovery, lora, seed, instruct, instructTuning } = job;
  const { from, budget, instructions } = given;
  const dir = folder.checkpointDir('recover-pretraining');
  const text = await folder.stage('recover-pretraining', { recovery, lora, seed }, () =>
    recoverPretraining(ctx, job, corpus, budget, { from, dir }),
  );
  if (!instructions) return { dir, stages: [text] };
  const tuned = folder.checkpointDir('recover-instruct');
  const texts = folder.manifest.files.flatMap((f) => (f.role === 'instructions' ? f.sha256 : []));
  const inputs = { instruct, texts, instructTuning, lora, seed };
  const answers = await folder.stage('recover-instruct', inputs, () =>
    recoverInstruct(ctx, job, instructions, { from: dir, dir: tuned }),
  );
  return { dir: tuned, stages: [text, answers] };
}

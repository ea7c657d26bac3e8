// The pipeline on one page: a dense checkpoint goes in, a smaller recovered one with its report comes out.
import type { CutArtefact, EvaluationArtefact } from './artefacts.js';
import { loadModel, readConfig } from './checkpoint/load.js';
import { keptHeadsRule } from './checkpoint/export_config.js';
import { exportModel } from './checkpoint/model_folder.js';
import { type Allocation, allocate } from './budget/allocate.js';
import { verifyExport } from './compress/verify.js';
import type { Job } from './config/job.js';
import type { Context } from './context.js';
import { type Corpus, openCorpus } from './data/corpus.js';
import { createSampler } from './data/sampler.js';
import { readTasks } from './evaluate/commands.js';
import { describePartition } from './groups/describe.js';
import type { Graph } from './graph/graph.js';
import type { Partition } from './groups/group.js';
import { distribution } from './knowledge/distribution.js';
import { assess } from './pipeline/assess.js';
import { type Budget, budgetOf } from './pipeline/budget.js';
import { cardOf } from './pipeline/card.js';
import { architectureOf } from './models/index.js';
import { Costs } from './plan/costs.js';
import { type ModelPlan, type PlanSettings, planModel, useOf } from './plan/plan.js';
import { discoverGraph, discoverGroups, summarise } from './pipeline/discover.js';
import { cut, prune } from './pipeline/prune.js';
import { readExamples, recoverInstruct, recoverPretraining } from './pipeline/restore.js';
import { openWorkingModel } from './pipeline/working_model.js';
import { writeReport } from './report/write_report.js';
import type { RunFolder } from './run_folder/run_folder.js';
import { scoped } from './tensor/scope.js';
import { checkVocabulary, loadTokenizer } from './tokenizer/tokenizer.js';
import { type TokenBatch, tokensOf } from './train/language_model_loss.js';

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
  const partition = discoverGroups(graph);
  const model = await planModel(ctx, job, { graph, partition, budget }, settings);
  const { counts: _, ...widths } = widthsOf(job, graph, partition);
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
  return planModel(ctx, job, { graph, partition: discoverGroups(graph), budget }, settings);
}

/** Units that the run takes from every group. @throws RATIO_UNREACHABLE */
function widthsOf(job: Job, graph: Graph, partition: Partition): Allocation {
  const config = readConfig(job.model);
  const costs = new Costs(graph, partition, useOf(config, architectureOf(config).sizes));
  return allocate(costs, {
    ...{ target: { measure: 'parameters', ratio: job.ratio }, rule: 'layer' },
    ...{ kvHeads: job.cut.kvHeads, allowKept: keptHeadsRule(config) },
  });
}

/**
 * Runs the job in its folder; every stage whose artefact stands is read instead of computed.
 * @throws LoraShearError of any stage; RUN_ABORTED after saving what was done
 */
export async function pipeline(ctx: Context, job: Job, folder: RunFolder): Promise<RunSummary> {
  const { lora, knowledge: analysis, cut: cutting, ratio, seed } = job;
  const budget = budgetOf(job);
  const tokenizer = loadTokenizer(job.model);
  checkVocabulary(tokenizer, Number(readConfig(job.model)['vocab_size']));
  // What cannot work is refused before text is read: a broken checkpoint, a ratio out of reach.
  loadModel(job.model, { device: ctx.device }).dispose();
  const start = performance.now();
  const graph = discoverGraph(job.model, lora);
  const partition = discoverGroups(graph);
  const seconds = (performance.now() - start) / 1000;
  const plan = widthsOf(job, graph, partition);

  const signal = { throwIfAborted: ctx.checkpoint };
  const { sequenceLength } = job;
  const cacheDir = folder.file('tokens');
  const corpus = await openCorpus(job.sources, tokenizer, { sequenceLength, cacheDir, signal });
  await folder.stage('load', { sequenceLength }, () => corpus.hashes);
  const named = job.evaluation.tasks;
  const tasks = named.length > 0 ? await readTasks(named, job.evaluation.dataDir) : [];
  const instructions = job.instruct && (await readExamples(job, job.instruct, tokenizer, ctx));
  const yardstick = { job, corpus, tokenizer, tasks };
  const calibration = (sequences: number): TokenBatch[] =>
    calibrationOf(job, corpus.train, sequences);
  const probe = probeOf(job, corpus.validation);

  await folder.stage('trace', { lora }, () => summarise(graph, partition.parameters, seconds));
  await folder.stage('partition', {}, () => partition);

  const evaluation = job.evaluation;
  const dense = await folder.stage('evaluate-dense', { evaluation }, () => {
    using model = openWorkingModel(ctx, job, job.model);
    return assess(ctx, model, 'dense', yardstick);
  });
  const knowledge = await folder.stage('knowledge', { analysis, seed }, () => {
    using model = openWorkingModel(ctx, job, job.model);
    const { proxy, ratios, protect: protectShare } = analysis;
    return distribution(ctx, model, partition.groups, calibration(analysis.sequences), {
      proxy,
      ratios,
      protectShare,
      seed,
    });
  });
  const guarded = new Set(knowledge.groups.filter((group) => group.protected).map(({ id }) => id));

  const dirs = {
    lhspg: folder.checkpointDir('lhspg'),
    compress: folder.checkpointDir('compress'),
    pretraining: folder.checkpointDir('recover-pretraining'),
    instruct: folder.checkpointDir('recover-instruct'),
  };
  const input = {
    ...{ job, corpus, partition, plan, budget, guarded, dir: dirs.lhspg },
    calibration: calibration(job.lhspg.sequences),
    probe,
  };
  const pruned = await folder.stage(
    'lhspg',
    { lhspg: job.lhspg, ratio, cutting, budget, seed },
    () => prune(ctx, input),
  );
  const cutResult = await folder.stage('compress', {}, () =>
    cut(ctx, input, pruned.kept, { from: dirs.lhspg, dir: dirs.compress }),
  );
  const cutScores = await folder.stage('evaluate-cut', { evaluation }, () => {
    using model = openWorkingModel(ctx, job, dirs.compress);
    return assess(ctx, model, 'cut', yardstick);
  });

  await folder.stage('recover-pretraining', { recovery: job.recovery, lora, seed }, () =>
    recoverPretraining(ctx, job, corpus, budget, { from: dirs.compress, dir: dirs.pretraining }),
  );
  const { instruct, instructTuning } = job;
  if (instructions) {
    await folder.stage('recover-instruct', { instruct, instructTuning, lora, seed }, () =>
      recoverInstruct(ctx, job, instructions, {
        from: dirs.pretraining,
        dir: dirs.instruct,
      }),
    );
  }

  const modelDir = folder.file('model');
  await folder.stage('export', {}, () => {
    using model = openWorkingModel(ctx, job, instruct ? dirs.instruct : dirs.pretraining);
    const exported = exportModel(model, modelDir, {
      from: job.model,
      card: cardOf(job, dense, cutResult),
    });
    const equality = scoped(() =>
      verifyExport(ctx, modelDir, model, tokensOf(probe, model.device)),
    );
    ctx.emit({ type: 'saved', path: modelDir, what: 'model' });
    return { ...exported, equality };
  });
  const recovered = await folder.stage('evaluate-recovered', { evaluation }, () => {
    using model = openWorkingModel(ctx, job, modelDir);
    return assess(ctx, model, 'recovered', yardstick);
  });
  const report = await folder.stage('report', {}, () => writeReport(folder.path));
  return {
    ...{ output: folder.path, model: modelDir, report: report.html, cut: cutResult },
    ...{ dense, pruned: cutScores, recovered },
  };
}

/** Held-out windows on which cuts are proved: the first of each source's validation text. */
function probeOf({ sequenceLength: length }: Job, validation: Corpus['validation']): TokenBatch {
  const ids = Int32Array.from(validation.flatMap((source) => [...source.ids.subarray(0, length)]));
  return { ids, batch: validation.length, length };
}

/** Windows that knowledge, saliency and transfer are measured on, drawn evenly by a seed of their own. */
function calibrationOf(
  { batchSize, seed }: Job,
  sources: Corpus['train'],
  sequences: number,
): TokenBatch[] {
  const sampler = createSampler({ sources, seed: seed + 4321 });
  const rows = Math.min(batchSize, sequences);
  return Array.from({ length: Math.ceil(sequences / rows) }, () => sampler.next(rows));
}

// The toolkit for programs: each call starts an engine thread, does one thing there, and ends it.
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { ExportArtefact } from '../artefacts.js';
import type { Job } from '../config/job.js';
import type { ComparedResults } from '../evaluate/commands.js';
import type { EvaluationResults } from '../evaluate/results.js';
import type { TextScore } from '../evaluate/score.js';
import type { RunEvent } from '../events.js';
import type { GeneratedText } from '../generate/write_text.js';
import type { ModelPlan, PlanSettings } from '../plan/plan.js';
import type { AnalysisSummary, Plan, PruneSummary, RunSummary } from '../run.js';
import { releaseLock } from '../run_folder/lock.js';
import { readManifest } from '../run_folder/manifest.js';
import type { OnSetupEvent } from '../setup/setup_event.js';
import { type AssignOptions, assign } from './assign.js';
import { type Running, running } from './running.js';
import type {
  CompareRequest,
  EvaluateRequest,
  ExportRequest,
  GenerateRequest,
  PlanModelRequest,
  PlanRequest,
  RunRequest,
  ScoreRequest,
} from './requests.js';

const script = new URL('./worker.js', import.meta.url);

export interface EngineOptions extends AssignOptions {
  /** Told while libtorch is fetched or the addon is built, which the first call on a machine does. */
  onSetup?: OnSetupEvent | undefined;
}

export interface RunOptions extends EngineOptions {
  /** How the run was asked for, for its manifest and report. */
  command?: string | undefined;
  /** Go on with the run of this job in `job.output`. */
  resume?: boolean | undefined;
  /** Go on with the run in `job.output`, whatever job it was; stages with the same inputs are read. */
  amend?: boolean | undefined;
}

/**
 * Runs a job from the dense checkpoint to the report; the value is both a promise of the result and the sequence of
 * events. Aborting `signal` finishes the step, saves the state and rejects with RUN_ABORTED, whose hint says how to go on.
 * @throws LoraShearError with any code of docs/errors.md
 */
export function run(job: Job, options: RunOptions = {}): Running<RunSummary> {
  return towards<RunSummary>('run', job, options);
}

/**
 * Finds out where knowledge sits (paper Alg. 3) and what the job's budget would take from every group. The folder can be
 * gone on with by {@link prune} and {@link run} with `amend`.
 * @throws as {@link run}
 */
export function analyze(job: Job, options: RunOptions = {}): Running<AnalysisSummary> {
  return towards<AnalysisSummary>('analyze', job, options);
}

/** Analyses, prunes and cuts, and exports the model without recovery. @throws as {@link run} */
export function prune(job: Job, options: RunOptions = {}): Running<PruneSummary> {
  return towards<PruneSummary>('prune', job, options);
}

/**
 * Goes on from a pruned model to recovery, export, evaluation and report. `pruned` is the folder that {@link prune}, or
 * a {@link run} stopped after its cut, left; or the job with that `output`, which may differ from the one it was pruned
 * with in what comes after the cut: `recovery`, `instruct`, `instructTuning`, `evaluation`.
 * @throws RUN_CORRUPT where nothing was pruned, CONFIG_INVALID for a change of what comes before, and as {@link run}
 */
export function recover(
  pruned: Job | string,
  options: Omit<RunOptions, 'resume' | 'amend'> = {},
): Running<RunSummary> {
  return towards<RunSummary>('recover', typeof pruned === 'string' ? jobIn(pruned) : pruned, {
    ...options,
    amend: true,
  });
}

/**
 * Writes the last model of a run folder once more, in another form or for other engines.
 * @throws RUN_CORRUPT, EXPORT_FORM, OUTPUT_OCCUPIED, OUTPUT_FAILED, CUT_NOT_EQUAL
 */
export function exportModel(
  request: ExportRequest,
  options: EngineOptions = {},
): Running<ExportArtefact> {
  return engine<ExportArtefact>('export', request, options);
}

/**
 * Goes on with the run in `folder`; stages that ended are read, not repeated.
 * @throws RUN_CORRUPT when there is no run, OUTPUT_OCCUPIED when its model or data changed, and as {@link run}
 */
export function resume(
  folder: string,
  options: Omit<RunOptions, 'resume'> = {},
): Running<RunSummary> {
  return towards<RunSummary>('run', jobIn(folder), { ...options, resume: true });
}

/**
 * What {@link run} would do, without doing it; `settings` may ask about another target.
 * @throws as {@link run}, for all that can be known before
 */
export function plan(
  job: Job,
  options: EngineOptions = {},
  settings: PlanSettings = {},
): Running<Plan> {
  const request: PlanRequest = { job, settings };
  return engine<Plan>('plan', request, options);
}

/**
 * What a model's parts cost, what a target makes of it, and which engines load that; no data is needed.
 * @throws CHECKPOINT_*, CONFIG_INVALID, RATIO_UNREACHABLE
 */
export async function planModel(
  { model, kvHeads, lora, device, ...settings }: PlanModelRequest,
  options: EngineOptions = {},
): Promise<ModelPlan> {
  const { modelJob } = await import('../plan/model_job.js');
  const job = modelJob(model, {
    ...(kvHeads === undefined ? {} : { cut: { kv_heads: kvHeads } }),
    ...(lora === undefined ? {} : { lora }),
    ...(device === undefined ? {} : { device }),
  });
  return planModelOf(job, settings, options);
}

/** {@link planModel} with the settings of a job whose data is made up. */
export async function planModelOf(
  job: Job,
  settings: PlanSettings,
  options: EngineOptions = {},
): Promise<ModelPlan> {
  const request: PlanRequest = { job, settings, modelOnly: true };
  return engine<ModelPlan>('plan', request, options);
}

/** Evaluates a checkpoint on multiple-choice tasks; `limit`, `output` and the rest as in {@link EvaluateRequest}. */
export function evaluate(
  request: EvaluateRequest,
  options: EngineOptions = {},
): Running<EvaluationResults> {
  return engine<EvaluationResults>('evaluate', request, options);
}

/** Evaluates two checkpoints on the same documents and texts, and says how they differ; see {@link CompareRequest}. */
export function compare(
  request: CompareRequest,
  options: EngineOptions = {},
): Running<ComparedResults> {
  return engine<ComparedResults>('compare', request, options);
}

/** Log-probability of every token of a text file, and its perplexity. */
export function score(request: ScoreRequest, options: EngineOptions = {}): Running<TextScore> {
  return engine<TextScore>('score', request, options);
}

export interface GenerateOptions extends EngineOptions {
  /** Told every token as it comes, with the text that it makes certain. */
  onToken?: ((token: Extract<RunEvent, { type: 'token' }>) => void) | undefined;
}

/** Writes after a prompt or in a chat; greedy unless the request says otherwise. */
export function generate(
  request: GenerateRequest,
  { onToken, onEvent, ...options }: GenerateOptions = {},
): Running<GeneratedText> {
  return engine<GeneratedText>('generate', request, {
    ...options,
    onEvent(event) {
      if (event.type === 'token') onToken?.(event);
      onEvent?.(event);
    },
  });
}

/** The job of the run in `folder`, wherever it lies now. */
const jobIn = (folder: string) => (): Job => {
  const output = resolve(folder);
  return { ...readManifest(output).job, output };
};

function towards<T>(
  goal: RunRequest['goal'],
  given: Job | (() => Job),
  options: RunOptions,
): Running<T> {
  const { command = `${goal}(job)`, resume = false, amend = false, onEvent } = options;
  return running(async (told) => {
    const job = typeof given === 'function' ? given() : given;
    const request: RunRequest = { job, goal, resume, amend, command, owner: randomUUID() };
    try {
      return await ready<T>('run', request, { ...options, onEvent: told });
    } finally {
      // A thread that died could not do it.
      releaseLock(job.output, request.owner);
    }
  }, onEvent);
}

function engine<T>(task: string, request: unknown, options: EngineOptions): Running<T> {
  return running((onEvent) => ready<T>(task, request, { ...options, onEvent }), options.onEvent);
}

/** Does `task` in a thread of its own, once the addon is there. */
async function ready<T>(task: string, request: unknown, options: EngineOptions): Promise<T> {
  // Who names an addon by hand has it built.
  if (process.env['LORASHEAR_ADDON'] === undefined) {
    const { ensureNative } = await import('../setup/build.js');
    await ensureNative(options.onSetup);
  }
  return assign<T>(script, task, request, options);
}

// The engine: the one thread that owns libtorch and the device, and what it can be asked to do (design §3.5).
import type { Job } from '../config/job.js';
import { type Context, createContext } from '../context.js';
import { LoraShearError, asLoraShearError } from '../errors.js';
import type { StageName } from '../events.js';
import { native } from '../native/load.js';
import type { Runtime } from '../run_folder/manifest.js';
import { verifyOperators } from '../tensor/op.js';
import type {
  CompareRequest,
  EvaluateRequest,
  ExportRequest,
  GenerateRequest,
  PlanRequest,
  RunRequest,
  ScoreRequest,
} from './requests.js';
import { serve, type TaskTools } from './serve.js';

await serve({ run, export: exported, plan, evaluate, compare, score, generate });

async function run(request: RunRequest, { emit, aborted }: TaskTools) {
  const { job, goal, resume, amend, command, owner } = request;
  const { openRunFolder } = await import('../run_folder/run_folder.js');
  const { afterCut, refuseUnpruned } = await import('../run_folder/after_cut.js');
  const { analyzeJob, pipeline, pruneJob, refuseImpossible } = await import('../run.js');
  const runtime = begin(job);
  // The folder keeps the job that it has until another one can take its place.
  const pruned = goal === 'recover' ? refuseUnpruned(job.output, job) : undefined;
  if (amend) refuseImpossible(job);
  const { checkpoint } = createContext({ aborted });
  const options = { resume, amend, command, owner, runtime, emit, checkpoint };
  const folder = await openRunFolder(job.output, job, options);
  const ctx = createContext({
    device: job.device,
    aborted,
    emit(event) {
      if (event.type === 'metric') folder.metric(event);
      emit(event);
    },
  });
  try {
    const goals = { analyze: analyzeJob, prune: pruneJob, recover: pipeline, run: pipeline };
    return await goals[goal](ctx, job, pruned ? afterCut(folder, pruned) : folder);
  } catch (thrown) {
    if (!resume && !amend && asLoraShearError(thrown).code !== 'RUN_ABORTED')
      folder.discardUnstarted();
    throw resumable(thrown, folder.path);
  } finally {
    folder.close();
  }
}

async function exported({ device, threads, ...request }: ExportRequest, tools: TaskTools) {
  const { exportAgain } = await import('../pipeline/export_again.js');
  const ctx = contextFor({ device, threads }, tools);
  return inStage(ctx, 'export', () => exportAgain(ctx, request));
}

async function plan(
  { job, settings = {}, modelOnly = false }: PlanRequest,
  { emit, aborted }: TaskTools,
) {
  const { planFolder, planJob } = await import('../run.js');
  begin(job);
  const ctx = createContext({ device: job.device, emit, aborted });
  return (modelOnly ? planFolder : planJob)(ctx, job, settings);
}

async function evaluate({ device, threads, ...options }: EvaluateRequest, tools: TaskTools) {
  const { evaluateModel } = await import('../evaluate/commands.js');
  const ctx = contextFor({ device, threads }, tools);
  return inStage(ctx, 'evaluate', (progress) => evaluateModel(ctx, { ...options, progress }));
}

async function compare({ device, threads, ...options }: CompareRequest, tools: TaskTools) {
  const { compareModels } = await import('../evaluate/commands.js');
  const ctx = contextFor({ device, threads }, tools);
  return inStage(ctx, 'evaluate', (progress) => compareModels(ctx, { ...options, progress }));
}

async function score({ device, threads, ...options }: ScoreRequest, tools: TaskTools) {
  const { scoreFile } = await import('../evaluate/commands.js');
  const ctx = contextFor({ device, threads }, tools);
  return inStage(ctx, 'score', (progress) => scoreFile(ctx, { ...options, progress }));
}

async function generate({ device, threads, ...options }: GenerateRequest, tools: TaskTools) {
  const { generateText } = await import('../generate/command.js');
  const ctx = contextFor({ device, threads }, tools);
  let index = 0;
  return inStage(ctx, 'generate', () =>
    generateText(ctx, options, (token) => {
      ctx.emit({ type: 'token', index: index++, ...token });
    }),
  );
}

type Progress = (done: number, total: number, task?: string) => void;

async function inStage<T>(
  ctx: Context,
  stage: StageName,
  work: (progress: Progress) => T | Promise<T>,
): Promise<T> {
  const start = performance.now();
  ctx.emit({ type: 'stage-start', stage, reused: false });
  const result = await work((done, total, task) => {
    const unit = task === undefined ? 'window' : 'answer';
    const note = task === undefined ? {} : { note: task };
    ctx.emit({ type: 'progress', stage, done, total, unit, ...note });
  });
  ctx.emit({ type: 'stage-end', stage, seconds: (performance.now() - start) / 1000 });
  return result;
}

/** A context for a command without a run folder; the device is ready when this returns. */
function contextFor(
  { device = 'cpu', threads }: { device?: string | undefined; threads?: number | undefined },
  { emit, aborted }: TaskTools,
): Context {
  begin({ device, threads });
  const afterStop = 'start it again with the same command: it keeps no state';
  return createContext({ device, emit, aborted, afterStop });
}

/** Loads libtorch with the job's threads. @throws DEVICE_FAILED when the machine has no such device, CONFIG_INVALID */
function begin({ device, threads }: Pick<Job, 'device' | 'threads'>): Runtime {
  const binding = native();
  verifyOperators();
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 4096)) {
    throw new LoraShearError('CONFIG_INVALID', `${threads} threads were asked for`, {
      hint: 'give a whole number from 1 on, or none for a choice of libtorch',
    });
  }
  if (threads !== undefined) binding.setThreads(threads);
  const { cudaDevices, ...runtime } = binding.versions();
  const [, index = '0'] = /^cuda(?::(\d+))?$/.exec(device) ?? [undefined, 'none'];
  if (device !== 'cpu' && !(Number(index) < cudaDevices)) {
    const seen = cudaDevices === 0 ? 'no CUDA device' : `${cudaDevices} CUDA device(s)`;
    throw new LoraShearError('DEVICE_FAILED', `${device} was asked for, libtorch sees ${seen}`, {
      hint: 'use --device cpu, or see `lorashear-native doctor`',
      facts: { device, cudaDevices },
    });
  }
  return runtime;
}

/** A stop on request says where the state is and how to go on. */
function resumable(thrown: unknown, folder: string): unknown {
  if (!(thrown instanceof LoraShearError) || thrown.code !== 'RUN_ABORTED') return thrown;
  return new LoraShearError('RUN_ABORTED', `stopped on request; the state is saved in ${folder}`, {
    hint: `go on with \`lorashear-native run --resume ${folder}\``,
    facts: { ...thrown.facts, folder },
    cause: thrown,
  });
}

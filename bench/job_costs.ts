// What a job costs besides its steps, measured in a process of its own: node job_costs.js delay|overhead|steps, one JSON line.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Job } from '../lib/config/job.js';
import { loadJob } from '../lib/config/load_job.js';
import { createContext } from '../lib/context.js';
import { run } from '../lib/engine/client.js';
import { pipeline } from '../lib/run.js';
import { openRunFolder } from '../lib/run_folder/run_folder.js';

const file = fileURLToPath(new URL('../../examples/quickstart/job.yaml', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'lorashear-bench-job-'));
const jobOf = (name: string, ...overrides: string[]): Job =>
  loadJob(file, [...overrides, `output=${join(dir, name)}`]);

/**
 * Seconds that this thread's event loop was late at most, while three jobs are started, followed and ended, one of them
 * cancelled; and the same without what the thread waited for a core, which a busy machine gives to others.
 */
async function delay(): Promise<Record<string, number>> {
  const jobs = [0, 1, 2].map((i) => jobOf(`delay-${i}`, 'tokens=98304'));
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  const waited = () =>
    Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  let own = 0;
  let last = { at: performance.now(), waited: waited() };
  histogram.enable();
  const timer = setInterval(() => {
    const now = { at: performance.now(), waited: waited() };
    own = Math.max(own, now.at - last.at - 1 - (now.waited - last.waited));
    last = now;
  }, 1);
  for (const [i, job] of jobs.entries()) {
    const cancelled = i === 1;
    const controller = new AbortController();
    const { signal } = controller;
    const running = run(job, { signal });
    try {
      for await (const event of running) {
        if (cancelled && 'stage' in event && event.stage === 'lhspg') controller.abort();
      }
    } catch (thrown) {
      if (!cancelled) throw thrown;
    }
  }
  clearInterval(timer);
  return { longest: histogram.max / 1e9, withACore: own / 1e3 };
}

/** What a whole job does, by the outermost function. */
const work = {
  steps: ['trainOnBatch', 'trainStep', 'optimizerStep'],
  evaluation: ['perplexity', 'distribution'],
  loading: ['loadModel', 'loadTokenizer', 'openCorpus', 'discoverGraph', 'discoverGroups'],
} as const;

/** Functions whose time is that of the job and not of a step or a measurement, by what they are for. */
const around = {
  data: ['openCorpus', 'readExamples', 'inputFiles', 'next', 'setMixture'],
  logging: ['emit', 'metric'],
  checkpoints: ['saveState', 'saveWorkingModel', 'loadState', 'writeJson'],
} as const;

interface Node {
  id: number;
  callFrame: { functionName: string; url: string };
  children?: number[] | undefined;
}

/** Shares of a run's time that are not its steps or measurements. */
async function overhead(): Promise<Record<string, number>> {
  const job = jobOf('overhead', 'tokens=110000', 'instruct_tuning.tokens=20000');
  const { seconds, shares } = await profiled(job, around);
  const share = Object.values(shares).reduce((sum, part) => sum + part, 0);
  return { seconds, share, ...shares };
}

/** Seconds of the quickstart from its first stage to its last, and the shares of {@link work}. */
async function steps(): Promise<Record<string, number>> {
  const { seconds, shares } = await profiled(jobOf('steps'), work);
  return { seconds, ...shares, outsideSteps: 1 - (shares['steps'] ?? 0) };
}

type Kinds = Readonly<Record<string, readonly string[]>>;

/** Shares of a run's time by kind, by a sampling profile of the thread that computes. */
async function profiled(job: Job, named: Kinds) {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  const folder = await openRunFolder(job.output, job);
  // As the engine's worker does it.
  const ctx = createContext({
    emit(event) {
      if (event.type === 'metric') folder.metric(event);
      structuredClone(event);
    },
  });
  await pipeline(ctx, job, folder);
  folder.close();
  const { profile } = await session.post('Profiler.stop');
  const { nodes, samples = [], timeDeltas = [] } = profile;
  const kindOf = kinds(nodes, named);
  const times: Record<string, number> = Object.fromEntries(
    Object.keys(named).map((kind) => [kind, 0]),
  );
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const time = timeDeltas[i + 1] ?? 0;
    total += time;
    const kind = kindOf.get(id);
    if (kind !== undefined) times[kind] = (times[kind] ?? 0) + time;
  }
  const shares: Record<string, number> = Object.fromEntries(
    Object.entries(times).map(([kind, time]) => [kind, time / total]),
  );
  return { seconds: total / 1e6, shares };
}

/** What each node of a profile is part of: the outermost of its callers that is named. */
function kinds(nodes: readonly Node[], named: Kinds): Map<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Map<number, string>();
  const visit = (node: Node, above: string | undefined): void => {
    const { functionName, url } = node.callFrame;
    const name = functionName.split('.').at(-1) ?? '';
    const own = Object.entries(named).find(
      ([, names]) => /\/(dist\/)?(lib|bench)\//.test(url) && names.includes(name),
    )?.[0];
    const kind = above ?? own;
    if (kind !== undefined) found.set(node.id, kind);
    for (const child of node.children ?? []) visit(byId.get(child)!, kind);
  };
  if (nodes[0]) visit(nodes[0], undefined);
  return found;
}

try {
  const measure = { delay, overhead, steps }[process.argv[2] ?? ''];
  if (!measure) throw new Error('give delay, overhead or steps');
  const measured = await measure();
  process.stdout.write(`${JSON.stringify(measured)}\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

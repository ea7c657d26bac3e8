// Runs one suite at one number of threads: starts both sides, measures case by case, ends them.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hardware } from './machine.js';
import { type MeasuringProcess, startProcess } from './measuring_process.js';
import { type PairOptions, type Peer, measureCase } from './pairs.js';
import { peersFolder } from './peer_environment.js';
import { profileFile } from './profile_case.js';
import type { Result } from './result.js';
import type { Suite, SuiteOptions } from './suite.js';

const ourScript = fileURLToPath(new URL('./our_process.js', import.meta.url));

export interface RunOptions extends PairOptions, SuiteOptions {
  readonly threads: number;
  /** The peers' Python; undefined: ours alone. */
  readonly python: string | undefined;
  readonly hardware: Hardware;
  /** Cases whose name holds this. */
  readonly only: string | undefined;
  /** Folder of profiles. */
  readonly profile?: string | undefined;
}

/** Hands every result to `onResult` as soon as it is there. */
export async function runSuite(
  suite: Suite,
  { device, threads, python, hardware, only, profile, ...pairs }: RunOptions,
  onResult: (result: Result) => void,
): Promise<void> {
  const cases = suite.cases({ device }).filter(({ name }) => name.includes(only ?? ''));
  if (cases.length === 0) return;
  const env = { ...process.env, OMP_NUM_THREADS: String(threads) };
  const wantsPeer = python !== undefined && cases.some(({ peers }) => peers.length > 0);
  const policies = wantsPeer ? waitPolicies(threads, device) : [];
  const ours = startProcess('our process', [process.execPath, ourScript, suite.name, device], env);
  const peers = policies.map((waitPolicy): Peer => ({
    waitPolicy,
    process: startProcess(
      `peer (${suite.name}.py)`,
      [python ?? '', join(peersFolder, 'serve.py'), suite.name, device],
      peerEnvironment(env, waitPolicy),
    ),
  }));
  const processes: MeasuringProcess[] = [ours, ...peers.map(({ process }) => process)];
  try {
    const machine = {
      ...hardware,
      ours: await ours.facts(),
      peer: (await peers[0]?.process.facts()) ?? null,
      rates: await ours.rates(),
    };
    const profileTo =
      profile === undefined
        ? undefined
        : (name: string): string =>
            profileFile(profile, { suite: suite.name, name, device, threads });
    for (const bench of cases) {
      const options = { ...pairs, profileTo };
      const result = await measureCase(bench, ours, peers, options, machine.rates);
      onResult({ suite: suite.name, device, threads, ...result, machine });
    }
  } finally {
    await Promise.all(processes.map((side) => side.close()));
  }
}

/** With one thread nobody waits; on a GPU the threads do not matter, and two peers would share its memory. */
const waitPolicies = (threads: number, device: string): string[] =>
  threads === 1 || device === 'cuda' ? ['default'] : ['default', 'passive'];

function peerEnvironment(env: NodeJS.ProcessEnv, waitPolicy: string): NodeJS.ProcessEnv {
  const ours = new Set(['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT']);
  const rest = Object.fromEntries(Object.entries(env).filter(([name]) => !ours.has(name)));
  const quiet = { ...rest, PYTHONDONTWRITEBYTECODE: '1' };
  return waitPolicy === 'default' ? quiet : { ...quiet, OMP_WAIT_POLICY: waitPolicy };
}

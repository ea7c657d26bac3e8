// Interleaves ours and theirs: every pair measures both within a second, so that a change of the machine hits both.
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bandwidths, MeasuringProcess, Rates } from './measuring_process.js';
import type { PeerResult, Result, TargetResult } from './result.js';
import { disagreement, median, summarise } from './statistics.js';
import type { Budget, Case, Checks, Compute, Target } from './suite.js';

/** A peer's process; there is one for each way in which OpenMP threads can wait. */
export interface Peer {
  readonly process: MeasuringProcess;
  readonly waitPolicy: string;
}

export interface PairOptions {
  readonly pairs: number;
  readonly budget: Budget;
  /** Pause before each sample (ms): the last side's threads may spin after their work, at the other's cost. */
  readonly settle: number;
  /** Where the profile of a case goes, which is made after its measurement; undefined: none is made. */
  readonly profileTo?: ((name: string) => string) | undefined;
}

const each = (of: (kind: keyof Bandwidths) => number): Bandwidths => ({
  ...{ copy: of('copy'), inPlace: of('inPlace') },
});

type Measured = Omit<Result, 'suite' | 'device' | 'threads' | 'machine'>;

/**
 * Measures one case on all sides; every side is prepared, checked, warmed up, and dropped at the end.
 * @param rates of our own process, for cases that count their products
 */
export async function measureCase(
  bench: Case,
  ours: MeasuringProcess,
  peers: readonly Peer[],
  { pairs, budget, settle, profileTo }: PairOptions,
  rates?: Rates,
): Promise<Measured> {
  const before = loadavg()[0] ?? NaN;
  const seconds = Math.max(budget.seconds, bench.seconds ?? 0);
  const sample = async (side: MeasuringProcess, form: string) => {
    await sleep(settle);
    const { values, also = {} } = await side.measure(form, { ...budget, seconds });
    return { value: median(values), also };
  };
  await ours.prepare(bench.name, bench.parameters);
  const ourChecks = bench.tolerance === undefined ? {} : await ours.check('ours');
  const forms = peers.length === 0 ? [] : bench.peers;
  for (const { process } of peers) {
    if (forms.length > 0) await process.prepare(bench.name, bench.parameters);
  }
  // Before anything is measured: a measured step changes the inputs.
  const differences = new Map<string, number | null>();
  for (const form of forms) {
    const theirs = (): Promise<Checks> | undefined => peers[0]?.process.check(form);
    differences.set(form, await compareChecks(bench, ourChecks, theirs));
  }
  const sides = new Map<string, { peer: Peer; differs: number | null; samples: number[] }>();
  for (const form of forms) {
    const peer = await fasterPeer(peers, form, (side) => sample(side, form));
    sides.set(form, { peer, differs: differences.get(form) ?? null, samples: [] });
  }
  await sample(ours, 'ours');

  const { memory } = bench;
  const mine: number[] = [];
  const bandwidths: Bandwidths[] = [];
  const also: Record<string, number> = {};
  for (let pair = 0; pair < pairs; pair++) {
    if (memory) bandwidths.push(await ours.bandwidth(memory.footprint));
    const measured = await sample(ours, 'ours');
    mine.push(measured.value);
    for (const [key, value] of Object.entries(measured.also)) {
      also[key] = Math.max(value, also[key] ?? -Infinity);
    }
    for (const [form, { peer, samples }] of sides) {
      samples.push((await sample(peer.process, form)).value);
    }
  }
  if (profileTo) await ours.profile(profileTo(bench.name));
  await ours.drop();
  for (const { process } of peers) if (forms.length > 0) await process.drop();

  const peerResults = Object.fromEntries(
    [...sides].map(([form, { peer, differs, samples }]): [string, PeerResult] => [
      form,
      {
        summary: summarise(samples),
        ratio: median(mine.map((value, i) => value / (samples[i] ?? NaN))),
        ...{ waitPolicy: peer.waitPolicy, disagreement: differs },
      },
    ]),
  );
  const roofline =
    memory === undefined
      ? null
      : {
          bytes: memory.moved,
          bandwidth: each((kind) => median(bandwidths.map((b) => b[kind]))),
          times: each((kind) =>
            median(bandwidths.map((b, i) => (mine[i]! * b[kind]) / memory.moved)),
          ),
        };
  const compute = bench.compute && rates ? computeOf(bench.compute, median(mine), rates) : null;
  const measured = { ours: summarise(mine), also, peers: peerResults, roofline, compute };
  return {
    ...{ case: bench.name, unit: bench.unit, date: new Date().toISOString(), ...measured },
    targets: bench.targets.map((target) => judge(target, measured)),
    agrees: [...sides.values()].every(({ differs }) => (differs ?? 0) <= (bench.tolerance ?? 0)),
    load: { before, after: loadavg()[0] ?? NaN },
  };
}

/** Python gets the better of its threads' ways to wait, by the second of two samples of each. */
async function fasterPeer(
  peers: readonly Peer[],
  form: string,
  sample: (side: MeasuringProcess) => Promise<{ value: number }>,
): Promise<Peer> {
  const timesOf = new Map<Peer, number>();
  for (const peer of peers) {
    await sample(peer.process);
    timesOf.set(peer, (await sample(peer.process)).value);
  }
  const [fastest] = [...timesOf].sort(([, a], [, b]) => a - b);
  if (!fastest) throw new Error(`no peer for ${form}`);
  return fastest[0];
}

async function compareChecks(
  { tolerance }: Case,
  ours: Checks,
  theirs: () => Promise<Checks> | undefined,
): Promise<number | null> {
  return tolerance === undefined ? null : disagreement(ours, (await theirs()) ?? {});
}

/** Products in a second as a share of what a large one reaches. */
export function computeOf({ flops, dtype }: Compute, seconds: number, rates: Rates) {
  const rate = dtype === 'float32' ? rates.gemmFloat32 : rates.gemmBfloat16;
  return { flops, rate, share: flops / (seconds * rate) };
}

type Judged = Pick<Result, 'ours' | 'also' | 'peers' | 'roofline' | 'compute'>;

/** The figure that the target speaks of, and whether it is met; null where nothing was measured. */
export function judge(
  target: Target,
  { ours, also, peers, roofline, compute }: Judged,
): TargetResult {
  const { text, atMost } = target;
  const judged = (value: number | undefined, shown = value): TargetResult => ({
    ...{ text, value: shown ?? null, met: value === undefined ? null : value <= atMost },
  });
  switch (target.of) {
    case 'ratio':
      return judged(peers[target.peer]?.ratio);
    case 'speed': {
      const ratio = peers[target.peer]?.ratio;
      return judged(ratio, ratio === undefined ? undefined : 1 / ratio);
    }
    case 'value':
      return judged(ours.median);
    case 'also':
      return judged(also[target.key]);
    case 'roofline':
      return judged(roofline?.times.copy);
    case 'compute':
      return judged(compute ? 1 / compute.share : undefined, compute?.share);
  }
}

// One result, as it stands on a line of JSONL: everything that is needed to read it alone.
import type { Bandwidths, Facts, Rates } from './measuring_process.js';
import type { Summary } from './statistics.js';
import type { Unit } from './suite.js';

/** The machine and the software of a run. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** For example `L1d 48K`. */
  readonly caches: readonly string[];
  readonly memoryBytes: number;
  readonly gpu: string | null;
  readonly system: string;
  /** Of this package; absent in results of before it was recorded. */
  readonly version?: string;
  readonly commit: string;
  /** Node, libtorch and threads of our process. */
  readonly ours: Facts;
  /** Python, torch and threads of the peer's process. */
  readonly peer: Facts | null;
  readonly rates: Rates;
}

export interface PeerResult {
  readonly summary: Summary;
  /** Median over the pairs of ours / theirs. */
  readonly ratio: number;
  /** How the peer's OpenMP threads waited: the faster of both. */
  readonly waitPolicy: string;
  /** Largest difference of the checks, relative to the norm; null without checks. */
  readonly disagreement: number | null;
}

export interface TargetResult {
  readonly text: string;
  /** What was measured, in the target's terms; null where the peer was not. */
  readonly value: number | null;
  readonly met: boolean | null;
}

export interface Result {
  readonly suite: string;
  readonly case: string;
  readonly device: string;
  readonly threads: number;
  readonly unit: Unit;
  readonly date: string;
  readonly ours: Summary;
  readonly also: Readonly<Record<string, number>>;
  readonly peers: Readonly<Record<string, PeerResult>>;
  /** Of a case that counts its bytes: the bandwidths on as much data, measured beside it, and time · bandwidth / bytes; medians of pairs. */
  readonly roofline: {
    readonly bytes: number;
    readonly bandwidth: Bandwidths;
    readonly times: Bandwidths;
  } | null;
  /** Of a case that counts its products: the GEMM rate measured at the start (FLOP/s), and flops / (time · rate). */
  readonly compute?: {
    readonly flops: number;
    readonly rate: number;
    readonly share: number;
  } | null;
  readonly targets: readonly TargetResult[];
  /** False when a peer's checks differ by more than the case allows. */
  readonly agrees: boolean;
  /** Load average of one minute before and after the case. */
  readonly load: { before: number; after: number };
  readonly machine: Machine;
}

/** What identifies a figure from run to run. */
export const keyOf = ({ suite, case: name, device, threads }: Result): string =>
  `${suite} / ${name} / ${device} / ${threads}`;

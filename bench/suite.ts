// What a suite is: cases that our process prepares and measures, their peers, and the figures they must meet.

/** Plain JSON that describes a case to the peer's process as well. */
export type Parameters = Readonly<Record<string, unknown>>;

export interface SuiteOptions {
  /** Where tensors live: `cpu` or `cuda`. */
  readonly device: 'cpu' | 'cuda';
}

export interface Suite {
  readonly name: string;
  /** One line for the list of suites. */
  readonly what: string;
  /** Takes part in a run without names. */
  readonly quick: boolean;
  /** Whether the number of threads matters; a suite where it does not runs once. */
  readonly threaded: boolean;
  cases(options: SuiteOptions): readonly Case[];
}

/** What the values of a case are. Seconds are of one operation; × is a time over another. */
export type Unit = 's' | 'MiB' | '×';

export interface Case {
  /** Unique in its suite. */
  readonly name: string;
  readonly unit: Unit;
  /** The peer's forms of the same work, as `bench/peers/suites/<suite>.py` names them. */
  readonly peers: readonly string[];
  readonly parameters: Parameters;
  readonly memory?: Memory;
  readonly compute?: Compute;
  readonly targets: readonly Target[];
  /** How far the checks of ours and the peer's may differ, relative to the norm; none: no checks. */
  readonly tolerance?: number;
  /** Shortest sample, where the run asks for a shorter one. */
  readonly seconds?: number;
  /** Makes the inputs, in our own process; the parameters are those that the peer gets. */
  prepare(parameters: Parameters): Subject;
}

/** What a perfect implementation does to memory; compared with the measured bandwidth. */
export interface Memory {
  /** Bytes that it reads plus bytes that it writes. */
  readonly moved: number;
  /** Bytes that it touches: bandwidth is measured on as many, so that caches help both alike. */
  readonly footprint: number;
}

/** The least products that give the result; compared with the GEMM rate that was measured at the suite's start. */
export interface Compute {
  /** Floating-point operations of one operation of the case; a multiplication and an addition are two. */
  readonly flops: number;
  readonly dtype: 'float32' | 'bfloat16';
}

/** A prepared case. */
export interface Subject {
  measure(budget: Budget): Measurement;
  /**
   * The result of one operation on the fresh inputs, as named rows of numbers [norm, other sums …]; the peer's must
   * be the same. Called once, before anything is measured.
   */
  check?(): Checks;
  dispose?(): void;
}

export type Checks = Readonly<Record<string, readonly number[]>>;

/** How long one sample may take: calls are repeated until `seconds` have passed, at least once, at most `calls` times. */
export interface Budget {
  readonly seconds: number;
  readonly calls: number;
}

export interface Measurement {
  /** One value a call; a sample is their median. */
  readonly values: readonly number[];
  /** Further quantities that targets name; the largest of all samples counts. */
  readonly also?: Readonly<Record<string, number>>;
}

/** A figure of the issue. */
export type Target =
  | {
      readonly of: 'ratio' | 'speed';
      readonly peer: string;
      readonly atMost: number;
      readonly text: string;
    }
  | {
      readonly of: 'value' | 'roofline' | 'compute';
      readonly atMost: number;
      readonly text: string;
    }
  | { readonly of: 'also'; readonly key: string; readonly atMost: number; readonly text: string };

/** Ours takes at most `atMost` of the peer's time. */
export const ratioTo = (peer: string, atMost: number): Target => ({
  ...{ of: 'ratio', peer, atMost },
  text: `≤ ${atMost} × ${peer}`,
});

/** Ours is at least `times` as fast as the peer. */
export const fasterThan = (peer: string, times: number): Target => ({
  ...{ of: 'speed', peer, atMost: 1 / times },
  text: `≥ ${times} × faster than ${peer}`,
});

/** What {@link ratioTo} and {@link fasterThan} ask for, read from their text: how many times as fast as which peer. */
export function timesAsFast(text: string): { peer: string; times: number } | undefined {
  const [, most, of] = /^≤ ([\d.]+) × (\S+)$/.exec(text) ?? [];
  if (most !== undefined && of !== undefined) return { peer: of, times: 1 / Number(most) };
  const [, least, than] = /^≥ ([\d.]+) × faster than (\S+)$/.exec(text) ?? [];
  return least === undefined || than === undefined
    ? undefined
    : { peer: than, times: Number(least) };
}

/** The time is at most `atMost` times the bytes over the copy bandwidth measured beside it. */
export const nearRoofline = (atMost: number): Target => ({
  ...{ of: 'roofline', atMost },
  text: `≤ ${atMost} × bytes / copy bandwidth`,
});

/** At least `share` of the GEMM rate measured at the start goes into the least products. */
export const nearGemmRate = (share: number): Target => ({
  ...{ of: 'compute', atMost: 1 / share },
  text: `≥ ${100 * share} % of the GEMM rate`,
});

export const valueAtMost = (atMost: number, text: string): Target => ({
  ...{ of: 'value', atMost },
  text,
});

export const alsoAtMost = (key: string, atMost: number, text: string): Target => ({
  ...{ of: 'also', key, atMost },
  text,
});

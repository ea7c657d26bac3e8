// What a page of results shows: the latest result of each figure, its peers, its share of the physical limit.
import { type Result, keyOf } from '../result.js';
import { timesAsFast } from '../suite.js';

/** The latest result of each figure (case, device, threads), in the order in which suites and cases come first. */
export function latest(results: readonly Result[]): Result[] {
  const found = new Map<string, Result>();
  for (const result of results) {
    const key = keyOf(result);
    const before = found.get(key);
    if (before === undefined || before.date <= result.date) found.set(key, result);
  }
  return [...found.values()];
}

/** Ours beside one form of the peer. */
export interface PeerFigure {
  readonly case: string;
  readonly threads: number;
  readonly peer: string;
  /** How many times as fast as the peer ours is: its time over ours. */
  readonly times: number;
  /** How many times as fast it must be; null without a target. */
  readonly target: number | null;
}

export const met = ({ times, target }: PeerFigure): boolean | null =>
  target === null ? null : times >= target;

/** One for each peer that was measured. */
export function peerFigures(results: readonly Result[]): PeerFigure[] {
  return results.flatMap(({ case: name, threads, peers, targets }) =>
    Object.entries(peers).map(([peer, { ratio }]): PeerFigure => {
      const asked = targets.flatMap(({ text }) => timesAsFast(text) ?? []);
      const target = asked.find((one) => one.peer === peer)?.times ?? null;
      return { ...{ case: name, threads, peer }, times: 1 / ratio, target };
    }),
  );
}

/** How near a case comes to what the machine can do. */
export interface LimitFigure {
  readonly case: string;
  readonly threads: number;
  readonly limit: 'copy bandwidth' | 'GEMM rate';
  /** 1: as fast as that. Work in place can be above 1, as a copy also reads what it writes to. */
  readonly share: number;
}

export function limitFigures(results: readonly Result[]): LimitFigure[] {
  return results.flatMap(({ case: name, threads, roofline, compute }): LimitFigure[] => [
    ...(roofline
      ? [{ case: name, threads, limit: 'copy bandwidth', share: 1 / roofline.times.copy } as const]
      : []),
    ...(compute
      ? [{ case: name, threads, limit: 'GEMM rate', share: compute.share } as const]
      : []),
  ]);
}

// Times a call, or two in turn, again and again until the budget of a sample is used.
import { median } from './statistics.js';
import type { Budget, Measurement } from './suite.js';

export interface TimedCall {
  /** Not timed, before each call. */
  readonly reset?: () => void;
  readonly call: () => void;
  /** Waits for the device; part of the time. */
  readonly wait?: (() => void) | undefined;
  /** Operations that a call does; values are seconds of one. */
  readonly operations?: number;
}

/** Measures `call` by a monotonic clock. */
export function timed({ reset, call, wait, operations = 1 }: TimedCall) {
  return ({ seconds, calls }: Budget): Measurement => {
    const values: number[] = [];
    const end = performance.now() + 1000 * seconds;
    do {
      reset?.();
      wait?.();
      const start = process.hrtime.bigint();
      call();
      wait?.();
      values.push(Number(process.hrtime.bigint() - start) / 1e9 / operations);
    } while (values.length < calls && performance.now() < end);
    return { values };
  };
}

/** Times two calls in turn, so that both see the same machine; a value is the second's time over the first's. */
export function timedInTurn(base: TimedCall, doubled: TimedCall) {
  const once = (call: TimedCall): number => timed(call)({ seconds: 0, calls: 1 }).values[0] ?? NaN;
  return ({ seconds, calls }: Budget): Measurement => {
    const [before, after]: [number[], number[]] = [[], []];
    const end = performance.now() + 1000 * seconds;
    do {
      before.push(once(base));
      after.push(once(doubled));
    } while (after.length < calls && performance.now() < end);
    return {
      values: after.map((time, i) => time / (before[i] ?? NaN)),
      also: { seconds: median(before), secondsDoubled: median(after) },
    };
  };
}

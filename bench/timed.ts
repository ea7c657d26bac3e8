// Times a call again and again until the budget of a sample is used.
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

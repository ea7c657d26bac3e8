// Where a profile listens to calls: operators, modules, backward. While nobody listens, a call pays for one comparison.

/** What is timed: a call of an operator from TypeScript, all of a module's code, or a pass of autograd. */
export type CallKind = 'operator' | 'module' | 'autograd';

export interface CallClock {
  /** Nanoseconds of a monotonic clock. */
  now(): number;
  /** A call that began at `start` is over. */
  ended(kind: CallKind, name: string, start: number): void;
}

let clock: CallClock | undefined;

/** The clock of this thread while a profile is made. */
export const callClock = (): CallClock | undefined => clock;

/** Calls of this thread are told to `to`; undefined: to nobody. */
export function setCallClock(to: CallClock | undefined): void {
  clock = to;
}

/** Runs `fn`, and tells the clock where there is one. */
export function clocked<T>(kind: CallKind, name: string, fn: () => T): T {
  if (clock === undefined) return fn();
  const start = clock.now();
  try {
    return fn();
  } finally {
    clock.ended(kind, name, start);
  }
}

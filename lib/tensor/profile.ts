// A profile: what a piece of code calls, for how long, in which module; inside libtorch and in backward as well.
import type { NativeCall } from '../native/binding.js';
import { guarded } from '../native/native_error.js';
import { type CallKind, callClock, setCallClock } from './call_clock.js';
import { modulePath } from './module_path.js';

/** A call of the profiled code. Calls of one thread nest: each lies within another or beside it. */
export interface ProfiledCall {
  /**
   * `operator`: from TypeScript; `native`: an operator inside libtorch; `backward`: a step of autograd, to which the
   * operators in it belong; `module`, `autograd`: all that a module, or a pass of autograd, does.
   */
  readonly kind: CallKind | 'native' | 'backward';
  /** The operator (`aten::mm`), the step (`MmBackward0`), the module's path or the pass. */
  readonly name: string;
  /** Path of the module that it belongs to; of a step of backward the module whose operator it differentiates. */
  readonly module: string;
  /** Nanoseconds since the profile began. */
  readonly start: number;
  readonly end: number;
  /** Number of the thread; {@link Profile.thread} is the one that made the profile. */
  readonly thread: number;
}

export interface Profile {
  /** By thread and start; what is within comes after what it is within. */
  readonly calls: readonly ProfiledCall[];
  readonly thread: number;
  /** Calls of either kind beyond the limit were left out. */
  readonly truncated: boolean;
}

export interface ProfileOptions {
  /** Waits for the device after each operator, so that its time is the work's: give it for a GPU. */
  readonly wait?: (() => void) | undefined;
  /** Most calls from TypeScript, and most inside libtorch, that are kept. */
  readonly limit?: number;
}

type Call = Omit<ProfiledCall, 'module'> & { module: string | undefined; sequence: number };

const now = (): number => Number(process.hrtime.bigint());

/**
 * Runs `fn` and tells what it called. Profiles do not nest. A profiled call takes longer than one that is not: compare
 * shares, not times.
 * @throws NATIVE_FAILURE, TENSOR_OP_FAILED when a profile is being made already
 */
export function profile<T>(
  fn: () => T,
  { wait, limit = 500_000 }: ProfileOptions = {},
): Profile & { readonly result: T } {
  const calls: Call[] = [];
  const thread = guarded('startProfile', (b) => b.startProfile(limit));
  const before = callClock();
  const origin = now();
  setCallClock({
    now,
    ended(kind, name, start) {
      if (kind === 'operator') wait?.();
      if (calls.length >= limit) return;
      const module = modulePath();
      const shown = kind === 'module' ? module : name;
      calls.push({ kind, name: shown, module, start, end: now(), thread, sequence: -1 });
    },
  });
  let inside: NativeCall[];
  let result: T;
  try {
    result = fn();
  } finally {
    setCallClock(before);
    inside = guarded('stopProfile', (b) => b.stopProfile());
  }
  const truncated = calls.length >= limit || inside.length >= limit;
  for (const [name, start, end, sequence, thread, backward] of inside) {
    const kind = backward ? 'backward' : 'native';
    calls.push({ kind, name, module: undefined, start, end, thread, sequence });
  }
  return { result, thread, truncated, calls: placed(calls, thread, origin) };
}

/** The calls in order, with the modules of those inside libtorch, and times from `origin`. */
function placed(calls: readonly Call[], own: number, origin: number): ProfiledCall[] {
  const first = ({ thread }: Call): number => (thread === own ? -1 : thread);
  const sorted = [...calls].sort(
    (a, b) => first(a) - first(b) || a.start - b.start || b.end - a.end,
  );
  /** Module of the operator that made autograd's node of that number: the last one, as it takes the next number. */
  const made = new Map<number, string>();
  const around: { call: Call; module: string; pass: boolean }[] = [];
  return sorted.map(({ sequence, ...call }): ProfiledCall => {
    while (around.length > 0) {
      const last = around[around.length - 1]!.call;
      if (last.thread === call.thread && last.end >= call.end) break;
      around.pop();
    }
    const outer = around[around.length - 1];
    const pass = call.kind === 'autograd' || (outer?.pass ?? call.thread !== own);
    let module = call.module ?? outer?.module ?? '';
    if (call.module === undefined && sequence >= 0) {
      if (pass) module = made.get(sequence) ?? module;
      else made.set(sequence, module);
    }
    around.push({ call: { ...call, sequence }, module, pass });
    return { ...call, module, start: call.start - origin, end: call.end - origin };
  });
}

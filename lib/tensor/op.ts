// The one choke point of all operators: declaration by ATen schema, resolution, call, recording (design §3.3).
import { LoraShearError } from '../errors.js';
import type { Handle, NativeArgument, NativeResult } from '../native/binding.js';
import { native } from '../native/load.js';
import { fromNative } from '../native/native_error.js';
import { callClock } from './call_clock.js';
import { modulePath } from './module_path.js';
import { Tensor } from './tensor.js';

/** What an operator accepts from TypeScript. */
export type Argument = Tensor | NativeArgument | readonly (Tensor | null)[];

/** One executed operator, as a recorder sees it. */
export interface OpRecord {
  /** Name with overload, for example `aten::add.Tensor`. */
  readonly op: string;
  readonly schema: string;
  /** Arguments by position, tensors as Tensor objects, trailing defaults absent. */
  readonly args: readonly Argument[];
  /** All tensors the operator returned, in order. */
  readonly results: readonly Tensor[];
  /** Path of the innermost module, for example `layers.0.self_attn.q_proj`. */
  readonly module: string;
}

/** Sees every operator of this thread while it is installed. */
export interface Recorder {
  record(call: OpRecord): void;
}

let recorder: Recorder | undefined;

/** Runs `fn` with `r` seeing every operator; recorders do not nest. */
export function withRecorder<T>(r: Recorder, fn: () => T): T {
  if (recorder) throw new LoraShearError('GRAPH_INVALID', 'a trace is already being recorded');
  recorder = r;
  try {
    return fn();
  } finally {
    recorder = undefined;
  }
}

/** Whether a recorder sees the operators now. */
export const recording = (): boolean => recorder !== undefined;

const declared: { schema: string; id: number }[] = [];

/** Resolves every declared operator at once; says what this libtorch does not have as declared. */
function resolveAll(): string[] {
  const open = declared.filter(({ id }) => id < 0);
  const resolutions = native().resolve(open.map(({ schema }) => schema));
  const problems: string[] = [];
  open.forEach((entry, i) => {
    const { id, error } = resolutions[i] ?? {};
    if (id === undefined) problems.push(`${entry.schema}\n    ${error ?? 'unresolved'}`);
    else entry.id = id;
  });
  return problems;
}

function mismatch(problems: readonly string[]): LoraShearError {
  return new LoraShearError(
    'NATIVE_SCHEMA_MISMATCH',
    `${problems.length} operator(s) differ from libtorch ${native().versions().libtorch}:\n  ${problems.join('\n  ')}`,
    { hint: 'use libtorch 2.11, or set LORASHEAR_LIBTORCH to one that has these operators' },
  );
}

/**
 * Checks all operators that are declared so far, before a long run meets the first that differs.
 * @throws NATIVE_SCHEMA_MISMATCH listing every one that this libtorch does not have as declared
 */
export function verifyOperators(): void {
  const problems = resolveAll();
  if (problems.length > 0) throw mismatch(problems);
}

/** The argument as the addon takes it: handles in the place of tensors. */
function lower(value: Argument): NativeArgument {
  if (value instanceof Tensor) return value.handle;
  if (Array.isArray(value)) {
    return (value as readonly (Tensor | number | null)[]).map((item) =>
      item instanceof Tensor ? item.handle : item,
    );
  }
  return value as NativeArgument;
}

/** Spread out by hand for as many arguments as most operators have: spreading them costs some 50 ns a call. */
function callNative(id: number, args: readonly Argument[]): NativeResult {
  const binding = native();
  switch (args.length) {
    case 1:
      return binding.call(id, lower(args[0]));
    case 2:
      return binding.call(id, lower(args[0]), lower(args[1]));
    case 3:
      return binding.call(id, lower(args[0]), lower(args[1]), lower(args[2]));
    default:
      return binding.call(id, ...args.map(lower));
  }
}

/** Shapes and dtypes of the tensor arguments, for an error message. */
function describe(args: readonly Argument[]): string[] {
  return args.map(describeOne);
}

/** Lists longer than this are cut in a message. */
const shown = 8;

function describeOne(arg: unknown): string {
  if (arg instanceof Tensor) {
    return arg.alive ? `${arg.dtype}(${arg.shape.join('×')})` : 'disposed tensor';
  }
  if (!Array.isArray(arg)) return String(arg);
  const rest = arg.length > shown ? `, … ${arg.length} in all` : '';
  return `[${arg.slice(0, shown).map(describeOne).join(', ')}${rest}]`;
}

/**
 * Declares an operator; `schema` is ATen's own line, verified against the libtorch in use at first call.
 * @throws NATIVE_SCHEMA_MISMATCH at that call, listing all declared operators that differ
 */
export function op(schema: string): (...args: Argument[]) => Tensor {
  return operator(schema, (result) => {
    if (typeof result === 'number') return new Tensor(result as Handle);
    throw new LoraShearError('TENSOR_OP_FAILED', `${nameOf(schema)} returned an undefined tensor`);
  });
}

/** A result of an operator that returns several; an undefined tensor is null. */
export type Result = Tensor | number | bigint | boolean | string | null | undefined | Result[];

/** Like {@link op}, for operators that return a list or several values: tensors as Tensor objects, others as they are. */
export function opMany(schema: string): (...args: Argument[]) => Result[] {
  const kinds = resultKinds(schema);
  const areTensors = kinds.map((kind) => kind.startsWith('Tensor'));
  const isList = kinds.length === 1;
  return operator(schema, (results) =>
    (results as NativeResult[]).map((result, i) =>
      wrap(result, areTensors[isList ? 0 : i] ?? false),
    ),
  );
}

function wrap(result: NativeResult, isTensor: boolean): Result {
  if (Array.isArray(result)) return result.map((item) => wrap(item, isTensor));
  return isTensor && typeof result === 'number' ? new Tensor(result as Handle) : result;
}

/** `(Tensor values, int n)` → ['Tensor values', 'int n']; `Tensor[]` → ['Tensor[]']. */
function resultKinds(schema: string): string[] {
  const results = schema.slice(schema.lastIndexOf(' -> ') + 4);
  return results.startsWith('(') ? results.slice(1, -1).split(', ') : [results];
}

/** Like {@link op}, for operators that return a value that is no tensor, as it crosses. */
export function opValue(schema: string): (...args: Argument[]) => NativeResult {
  return operator(schema, (result) => result);
}

const nameOf = (schema: string): string => schema.slice(0, schema.indexOf('('));

/** Like {@link op}, for operators that return nothing. */
export function opVoid(schema: string): (...args: Argument[]) => void {
  return operator(schema, () => undefined);
}

function operator<R>(
  schema: string,
  read: (result: NativeResult) => R,
): (...args: Argument[]) => R {
  const entry = { schema, id: -1 };
  const name = nameOf(schema);
  declared.push(entry);
  return (...args) => {
    if (entry.id < 0) {
      const problems = resolveAll();
      // One that differs is no reason to refuse the others.
      if (entry.id < 0) throw mismatch(problems);
    }
    const clock = callClock();
    const start = clock?.now();
    let result: R;
    try {
      result = read(callNative(entry.id, args));
    } catch (thrown) {
      const module = modulePath();
      const inputs = describe(args);
      const at = module === '' ? '' : ` at ${module}`;
      throw fromNative(thrown, `${name}(${inputs.join(', ')})${at}`, { op: name, module, inputs });
    }
    if (clock) clock.ended('operator', name, start!);
    if (recorder) {
      const results = [result].flat(Infinity).filter((r) => r instanceof Tensor);
      recorder.record({ op: name, schema, args, results, module: modulePath() });
    }
    return result;
  };
}

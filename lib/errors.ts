// The one error type of the toolkit: a code from a closed union, what was seen, and what to do next (design §3.6).

/** Every code a user can meet. docs/errors.md lists them with their exit codes. */
export const errorCodes = {
  // set-up
  NATIVE_NOT_BUILT: 10,
  NATIVE_LOAD_FAILED: 10,
  NATIVE_SCHEMA_MISMATCH: 10,
  LIBTORCH_NOT_FOUND: 10,
  LIBTORCH_INVALID: 10,
  LIBTORCH_HASH_MISMATCH: 10,
  SETUP_NO_PYTHON: 10,
  SETUP_NO_COMPILER: 10,
  SETUP_DOWNLOAD_FAILED: 10,
  SETUP_BUILD_FAILED: 10,
  SETUP_CACHE_FAILED: 10,
  // engine
  TENSOR_DISPOSED: 70,
  TENSOR_OP_FAILED: 70,
  TENSOR_SCOPE: 70,
  OUT_OF_MEMORY: 71,
  DEVICE_FAILED: 72,
  NATIVE_FAILURE: 70,
  // inputs
  CONFIG_INVALID: 2,
  CONTEXT_EXCEEDED: 2,
  CHECKPOINT_NOT_FOUND: 3,
  CHECKPOINT_INVALID: 3,
  CHECKPOINT_UNSUPPORTED: 3,
  TENSOR_MISSING: 3,
  TENSOR_MISSHAPEN: 3,
  SAFETENSORS_INVALID: 3,
  TOKENIZER_INVALID: 3,
  ADAPTER_INVALID: 3,
  ADAPTER_UNSUPPORTED: 3,
  ADAPTER_MISMATCH: 3,
  CHAT_TEMPLATE_MISSING: 3,
  CHAT_TEMPLATE_FAILED: 3,
  DATA_NOT_FOUND: 4,
  DATA_INVALID: 4,
  DATA_EMPTY: 4,
  TASK_UNKNOWN: 2,
  // method
  GRAPH_RULE_MISSING: 5,
  GRAPH_INPLACE: 5,
  GRAPH_INVALID: 5,
  PARTITION_INVALID: 5,
  RATIO_UNREACHABLE: 6,
  PRUNE_DIVERGED: 7,
  CUT_NOT_EQUAL: 8,
  EXPORT_FORM: 8,
  // benchmark
  BENCH_REGRESSED: 11,
  // run
  OUTPUT_OCCUPIED: 9,
  OUTPUT_FAILED: 9,
  RUN_CORRUPT: 9,
  RUN_ABORTED: 130,
  INTERNAL: 70,
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorFacts {
  /** Next step for the user: a command or a change to make. */
  hint?: string;
  /** Machine-readable details, plain JSON only. */
  facts?: Record<string, unknown>;
  cause?: unknown;
}

/** The only error class thrown on purpose. `message` says what was seen, `hint` what to do next. */
export class LoraShearError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly facts: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, { hint, facts = {}, cause }: ErrorFacts = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LoraShearError';
    this.code = code;
    this.hint = hint;
    this.facts = facts;
  }

  /** Process exit code that the CLI uses for this error. */
  get exitCode(): number {
    return errorCodes[this.code];
  }

  /** Plain data, for crossing a thread or a `--json` stream. */
  toJSON(): SerialisedError {
    return { code: this.code, message: this.message, hint: this.hint, facts: this.facts };
  }
}

export interface SerialisedError {
  code: ErrorCode;
  message: string;
  hint: string | undefined;
  facts: Record<string, unknown>;
}

/** Rebuilds a {@link LoraShearError} from {@link LoraShearError.toJSON}. */
export function reviveError(data: SerialisedError): LoraShearError {
  const { code, message, hint, facts } = data;
  return new LoraShearError(code, message, hint === undefined ? { facts } : { hint, facts });
}

/** System errors of a disk that takes no more. */
const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS']);

/** Any thrown value as a {@link LoraShearError}; what is not ours becomes `INTERNAL` with its cause kept. */
export function asLoraShearError(thrown: unknown): LoraShearError {
  if (thrown instanceof LoraShearError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (noRoom.has((thrown as NodeJS.ErrnoException | null)?.code ?? '')) {
    return new LoraShearError('OUTPUT_FAILED', message, {
      hint: 'make room, or give another --output; what was done before can be gone on with',
      cause: thrown,
    });
  }
  return new LoraShearError('INTERNAL', message, {
    hint: 'this is a defect of lorashear-native; please report it with --debug output',
    cause: thrown,
  });
}

/** The stack, with those of the causes below it and, where libtorch failed, its C++ backtrace: for who asked for it. */
export function fullStack(error: Error): string {
  const { cause } = error;
  const { detail } = error as { detail?: unknown };
  const native = typeof detail === 'string' ? `\n${detail}` : '';
  const below = cause instanceof Error ? `\ncaused by ${fullStack(cause)}` : '';
  return `${error.stack ?? error.message}${native}${below}`;
}

// Turns what the addon throws ({code, message, detail}) into the one error type, with the operator and its inputs.
import { LoraShearError, errorCodes, type ErrorCode } from '../errors.js';
import type { Binding } from './binding.js';
import { native } from './load.js';

const hints: Partial<Record<ErrorCode, string>> = {
  OUT_OF_MEMORY: 'lower the batch size or the sequence length',
  TENSOR_DISPOSED: 'keep the tensor out of scoped(), or return it from the scope that makes it',
  DEVICE_FAILED: 'run `lorashear-native doctor`; a device error usually needs a new process',
};

/**
 * `where` names the operator or native function, `facts` its shapes and the module path.
 * The C++ backtrace stays on the cause, as a property that printing does not show: `error.cause.detail`.
 */
export function fromNative(
  thrown: unknown,
  where: string,
  facts: Record<string, unknown> = {},
): LoraShearError {
  if (thrown instanceof LoraShearError) return thrown;
  const { code, message } = thrown as { code?: string; message?: string };
  if (thrown instanceof Error && 'detail' in thrown) {
    Object.defineProperty(thrown, 'detail', { enumerable: false });
  }
  const known: ErrorCode =
    code !== undefined && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'NATIVE_FAILURE';
  const hint = hints[known];
  return new LoraShearError(known, `${where}: ${message ?? String(thrown)}`, {
    ...(hint === undefined ? {} : { hint }),
    facts,
    cause: thrown,
  });
}

/** Runs a native function; what it throws becomes a LoraShearError that names `where`. */
export function guarded<T>(where: string, fn: (binding: Binding) => T): T {
  const binding = native();
  try {
    return fn(binding);
  } catch (thrown) {
    throw fromNative(thrown, where);
  }
}

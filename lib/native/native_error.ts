// Turns what the addon throws ({code, message, detail}) into the one error type, with the operator and its inputs.
import { LoraShearError, errorCodes, type ErrorCode } from '../errors.js';

const hints: Partial<Record<ErrorCode, string>> = {
  OUT_OF_MEMORY: 'lower the batch size or the sequence length',
  TENSOR_DISPOSED: 'keep the tensor out of scoped(), or return it from the scope that makes it',
  DEVICE_FAILED: 'run `lorashear-native doctor`; a device error usually needs a new process',
};

/** `where` names the operator or native function, `facts` its shapes and the module path. */
export function fromNative(
  thrown: unknown,
  where: string,
  facts: Record<string, unknown> = {},
): LoraShearError {
  if (thrown instanceof LoraShearError) return thrown;
  const { code, message, detail } = thrown as { code?: string; message?: string; detail?: string };
  const known: ErrorCode =
    code !== undefined && code in errorCodes ? (code as ErrorCode) : 'NATIVE_FAILURE';
  const hint = hints[known];
  return new LoraShearError(known, `${where}: ${message ?? String(thrown)}`, {
    ...(hint === undefined ? {} : { hint }),
    facts: detail === undefined ? facts : { ...facts, detail },
    cause: thrown,
  });
}

// How an error looks on the terminal: code, what was seen, what to do next; the stack only when asked for.
import pc from 'picocolors';
import { asLoraShearError, fullStack, type LoraShearError } from '../errors.js';

export interface ErrorStyle {
  /** One JSON object on standard output, for programs. */
  json: boolean;
  /** With the stack, and libtorch's backtrace. */
  debug: boolean;
}

/** Prints what was thrown and returns the exit code. */
export function printError(thrown: unknown, { json, debug }: ErrorStyle): number {
  const error = asLoraShearError(thrown);
  if (json) {
    const stack = debug ? { stack: fullStack(error) } : {};
    process.stdout.write(`${JSON.stringify({ type: 'error', ...error.toJSON(), ...stack })}\n`);
  } else {
    process.stderr.write(describeError(error, debug));
  }
  return error.exitCode;
}

/** The text for a person. */
export function describeError(error: LoraShearError, debug: boolean): string {
  const lines = [`${pc.red(`error [${error.code}]`)} ${error.message}`];
  if (error.hint !== undefined) lines.push(`  ${pc.cyan('hint:')} ${error.hint}`);
  if (debug) lines.push(pc.dim(fullStack(error)));
  return `${lines.join('\n')}\n`;
}

// Scopes: temporaries die together at the end of the function that made them (design §3.4).
import { LoraShearError } from '../errors.js';
import { native } from '../native/load.js';
import type { Tensor } from './tensor.js';

/** The tensors that one call of scoped() made and still owns, among some that it no longer does. */
export interface Scope {
  readonly tensors: Tensor[];
  readonly parent: Scope | undefined;
  /** How many of `tensors` have left. */
  left: number;
}

/** Below this many, tensors that left a scope are not worth looking for. */
const fewLeft = 1024;

// The innermost one; one chain per JavaScript thread, because a module is instantiated once per thread.
let innermost: Scope | undefined;

/** Called by the Tensor constructor: the innermost scope owns the new handle. */
export function adopt(tensor: Tensor): Scope | undefined {
  innermost?.tensors.push(tensor);
  return innermost;
}

/** Takes a tensor out of its scope: kept, or disposed by hand. */
export function forget(tensor: Tensor): void {
  const { scope } = tensor;
  if (!scope) return;
  tensor.scope = undefined;
  // A long loop that disposes what it makes must not fill its scope with what is gone.
  if (++scope.left < fewLeft || scope.left * 2 < scope.tensors.length) return;
  const owned = scope.tensors.filter((t) => t.scope === scope);
  scope.tensors.length = 0;
  for (const t of owned) scope.tensors.push(t);
  scope.left = 0;
}

/** Takes a tensor out of every scope; from now on its owner must dispose it. */
export function keep<T extends Tensor>(tensor: T): T {
  forget(tensor);
  return tensor;
}

function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value === null || typeof value !== 'object') return;
  if ('handle' in value && 'dispose' in value) {
    yield value as Tensor;
  } else if (Array.isArray(value)) {
    for (const item of value) yield* tensorsIn(item);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) yield* tensorsIn(item);
  }
}

/**
 * Runs `fn` and frees every tensor it made, except those in its result (a tensor, or arrays and plain
 * objects of tensors), which move to the enclosing scope.
 * Safe around forward passes in training: what backward needs is held by libtorch's graph.
 * @throws TENSOR_SCOPE when `fn` returns a promise
 */
export function scoped<T>(fn: () => T): T {
  const scope: Scope = { tensors: [], parent: innermost, left: 0 };
  innermost = scope;
  try {
    const result = fn();
    if (result instanceof Promise) {
      result.catch(() => undefined); // it will meet freed tensors; the error below is the one to see
      throw new LoraShearError('TENSOR_SCOPE', 'a scoped function returned a promise', {
        hint: 'scoped() is synchronous: await outside it, and keep() what must live longer',
      });
    }
    for (const tensor of tensorsIn(result)) {
      if (tensor.scope !== scope) continue;
      tensor.scope = scope.parent;
      scope.parent?.tensors.push(tensor);
    }
    return result;
  } finally {
    innermost = scope.parent;
    free(scope);
  }
}

// Handles on their way to the addon; a scope in a hot loop makes no array of its own.
let handles = new Float64Array(256);

function free(scope: Scope): void {
  const { tensors } = scope;
  if (tensors.length > handles.length) handles = new Float64Array(2 * tensors.length);
  let count = 0;
  for (const tensor of tensors) if (tensor.scope === scope) handles[count++] = tensor.handle;
  if (count > 0) native().free(handles, count);
}

/** Number of live handles in this thread. */
export function tensorCount(): number {
  return native().count();
}

/** Bytes of the distinct storages behind this thread's live handles. */
export function tensorBytes(): number {
  return native().bytes();
}

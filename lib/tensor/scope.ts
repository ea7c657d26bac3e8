// Scopes: temporaries die together at the end of the function that made them (design §3.4).
import { LoraShearError } from '../errors.js';
import { native } from '../native/load.js';
import type { Tensor } from './tensor.js';

// One stack per JavaScript thread, because a module is instantiated once per thread.
const stack: Set<Tensor>[] = [];

/** Called by the Tensor constructor: the innermost scope owns the new handle. */
export function adopt(tensor: Tensor): void {
  stack.at(-1)?.add(tensor);
}

/** Called by dispose(): no scope may free the handle again. */
export function forget(tensor: Tensor): void {
  for (let i = stack.length - 1; i >= 0; i--) if (stack[i]?.delete(tensor)) return;
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
  const scope = new Set<Tensor>();
  stack.push(scope);
  let result: T;
  try {
    result = fn();
    if (result instanceof Promise) {
      result.catch(() => undefined); // it will meet freed tensors; the error below is the one to see
      throw new LoraShearError('TENSOR_SCOPE', 'a scoped function returned a promise', {
        hint: 'scoped() is synchronous: await outside it, and keep() what must live longer',
      });
    }
    for (const tensor of tensorsIn(result)) {
      if (scope.delete(tensor)) stack.at(-2)?.add(tensor);
    }
    return result;
  } finally {
    stack.pop();
    if (scope.size > 0) {
      const handles = new Float64Array(scope.size);
      let i = 0;
      for (const tensor of scope) handles[i++] = tensor.handle;
      native().free(handles);
    }
  }
}

/** Number of live handles in this thread. */
export function tensorCount(): number {
  return native().count();
}

/** Bytes of the distinct storages behind this thread's live handles. */
export function tensorBytes(): number {
  return native().bytes();
}

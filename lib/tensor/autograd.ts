// Gradients from TypeScript: backward, grad, and grad mode.
import type { Binding, Handle } from '../native/binding.js';
import { native } from '../native/load.js';
import { guarded } from '../native/native_error.js';
import { clocked } from './call_clock.js';
import { Tensor } from './tensor.js';

const handles = (tensors: readonly Tensor[]): Handle[] => tensors.map(({ handle }) => handle);

/** A pass of autograd, as errors and profiles name it. */
const passing = <T>(name: string, pass: (binding: Binding) => T): T =>
  clocked('autograd', name, () => guarded(name, pass));

/** Accumulates d loss / d leaf into every leaf's `grad`. `loss` has one element. */
export function backward(loss: Tensor, { retainGraph = false } = {}): void {
  passing('backward', (b) => {
    b.backward([loss.handle], null, retainGraph);
  });
}

/**
 * Accumulates Σ ⟨gradient, d output / d leaf⟩ into every leaf's `grad`: backward from the middle of a computation.
 * One gradient for each output, of its shape.
 */
export function backwardFrom(
  outputs: readonly Tensor[],
  gradients: readonly Tensor[],
  { retainGraph = false } = {},
): void {
  passing('backward', (b) => {
    b.backward(handles(outputs), handles(gradients), retainGraph);
  });
}

/**
 * Gradients of `outputs` (contracted with `cotangents` where they have more than one element) with respect
 * to `inputs`; null for an input that does not matter. Leaves no `.grad` behind.
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  {
    cotangents,
    retainGraph = false,
  }: { cotangents?: readonly Tensor[]; retainGraph?: boolean } = {},
): (Tensor | null)[] {
  const given = cotangents ? handles(cotangents) : null;
  return passing('grad', (b) => b.grad(handles(outputs), handles(inputs), given, retainGraph)).map(
    (handle) => (handle === null ? null : new Tensor(handle)),
  );
}

/** Forgets the gradients of these leaves. */
export function clearGrads(tensors: readonly Tensor[]): void {
  guarded('clearGrads', (b) => {
    b.clearGrads(handles(tensors));
  });
}

/** Runs `fn` with a setting of this thread, which is as it was afterwards. */
function during<T>(set: 'setGradMode' | 'setRemaking', on: boolean, fn: () => T): T {
  const binding = native();
  const before = binding[set](on);
  try {
    return fn();
  } finally {
    binding[set](before);
  }
}

/**
 * Runs a forward pass whose fused layers do not keep what is cheap to compute again in backward: norms, and act(gate) · up.
 * Gradients have the same bits.
 */
export function remaking<T>(fn: () => T): T {
  return during('setRemaking', true, fn);
}

/** Runs `fn` without recording gradients. */
export function noGrad<T>(fn: () => T): T {
  return during('setGradMode', false, fn);
}

/** Runs `fn` with gradients recorded, also inside noGrad. */
export function enableGrad<T>(fn: () => T): T {
  return during('setGradMode', true, fn);
}

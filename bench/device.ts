// Waiting for a device that computes while the program goes on.
import { full } from '../lib/tensor/ops.js';
import { keep } from '../lib/tensor/scope.js';

/** A function that returns when the device has done all that it was given; undefined on the CPU. */
export function waiterFor(device: string): (() => void) | undefined {
  if (device === 'cpu') return undefined;
  const flag = keep(full([1], 0, 'float32', device));
  return () => void flag.item(); // its copy is queued behind all work of the stream
}

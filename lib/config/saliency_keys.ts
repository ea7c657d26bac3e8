// Where a job names a saliency or a mixture, and its shorthands there: aliases, and `magnitude=0.5,wanda=0.5`.
import { spelledOut } from '../saliency/spec.js';
import { isRaw, type RawObject } from './normalise.js';

/** Block and key. What stands there is one value: a mixture is replaced, never merged with another. */
export const saliencyKeys = [
  ['lhspg', 'saliency'],
  ['knowledge', 'proxy'],
] as const;

/** Writes the shorthands out, in `job`; what is no saliency stays as it is. */
export function spellSaliencies(job: RawObject): void {
  for (const [block, key] of saliencyKeys) {
    const owner = job[block];
    if (isRaw(owner) && Object.hasOwn(owner, key)) owner[key] = spelledOut(owner[key]);
  }
}

// Each source by its size, as if all text lay in one heap.
import { type Mixture, normalised } from './mixture.js';

export const proportional: Mixture = ({ losses, sizes }) =>
  normalised(Object.fromEntries(Object.keys(losses).map((name) => [name, sizes[name] ?? 0])));

// The same share of every source.
import type { Mixture } from './mixture.js';

export const uniform: Mixture = ({ losses }) => {
  const names = Object.keys(losses);
  return Object.fromEntries(names.map((name) => [name, 1 / names.length]));
};

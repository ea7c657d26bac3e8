// The registry of saliencies: key = CLI choice = report entry.
import { fluctuation } from './fluctuation.js';
import { magnitude } from './magnitude.js';
import { random } from './random.js';
import { reconstruction } from './reconstruction.js';
import type { Saliency } from './saliency.js';
import { taylorFirst } from './taylor_first.js';
import { cosine } from './cosine.js';

export const saliencies = {
  magnitude,
  taylor_first: taylorFirst,
  cosine,
  fluctuation,
  reconstruction,
  random,
} as const satisfies Record<string, Saliency>;

export type SaliencyName = keyof typeof saliencies;

// The registry of saliencies: key = CLI choice = report entry. names.ts says what each needs.
import { avgMagnitude } from './avg_magnitude.js';
import { cosine } from './cosine.js';
import { denseCosine } from './dense_cosine.js';
import { denseTaylorFirst } from './dense_taylor_first.js';
import { denseTaylorSecond } from './dense_taylor_second.js';
import { fluctuation } from './fluctuation.js';
import { magnitude } from './magnitude.js';
import { type SaliencyFacts, type SaliencyName, saliencyFacts, saliencyNames } from './names.js';
import { random } from './random.js';
import { reconstruction } from './reconstruction.js';
import type { Saliency } from './saliency.js';
import { taylorFirst } from './taylor_first.js';
import { taylorSecond } from './taylor_second.js';
import { wanda } from './wanda.js';

const scores: Readonly<Record<SaliencyName, Saliency>> = {
  magnitude,
  avg_magnitude: avgMagnitude,
  cosine,
  taylor_first: taylorFirst,
  taylor_second: taylorSecond,
  dense_cosine: denseCosine,
  dense_taylor_first: denseTaylorFirst,
  dense_taylor_second: denseTaylorSecond,
  wanda,
  fluctuation,
  reconstruction,
  random,
};

export interface SaliencyEntry extends SaliencyFacts {
  readonly score: Saliency;
}

export const saliencies = Object.fromEntries(
  saliencyNames.map((name) => [name, { ...saliencyFacts[name], score: scores[name] }]),
) as Readonly<Record<SaliencyName, SaliencyEntry>>;

export type { SaliencyName } from './names.js';

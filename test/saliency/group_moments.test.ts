import t from 'tap';
import { cosine } from '../../lib/saliency/cosine.js';
import { magnitude } from '../../lib/saliency/magnitude.js';
import type { Saliency } from '../../lib/saliency/saliency.js';
import { taylorFirst } from '../../lib/saliency/taylor_first.js';
import { scoring, unitVectors } from '../fixtures/scoring.js';

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0);

const direct: Record<string, [Saliency, (x: number[], u: number[]) => number]> = {
  'the magnitude': [magnitude, (x) => Math.sqrt(dot(x, x))],
  "Taylor's first order": [taylorFirst, (x, u) => Math.abs(dot(x, u))],
  'the cosine': [cosine, (x, u) => 1 + dot(x, u) / Math.sqrt(dot(x, x) * dot(u, u))],
};

for (const [name, [saliency, of]] of Object.entries(direct)) {
  t.test(`when ${name} is asked for, then it is what the unit's whole vectors give`, (t) => {
    const s = scoring();
    const scores = saliency(s.input);
    for (const group of s.input.groups) {
      scores.get(group.id)?.forEach((score, unit) => {
        const { x, u } = unitVectors(s.model, group, unit);
        const expected = of(x, u);
        t.ok(
          Math.abs(score - expected) < 1e-5 * (1 + expected),
          `${group.id} ${unit}: ${score}, ${expected}`,
        );
      });
    }
    s.dispose();
    t.end();
  });
}

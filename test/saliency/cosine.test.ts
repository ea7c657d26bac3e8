import t from 'tap';
import { cosine } from '../../lib/saliency/cosine.js';
import { dot, equalsFormula, flat, stepAlong, withModel } from './lora_moments.js';

t.test('when cosines are asked for, then each is 1 + cos(W, s·BA) of the unit', (t) => {
  equalsFormula(t, cosine, (x, u) => 1 + dot(x, u) / Math.sqrt(dot(x, x) * dot(u, u)));
  t.end();
});

t.test('when training drives units to the origin, then they are redundant, however fast', (t) => {
  withModel({ rank: 2 }, ({ model, input }) => {
    for (const [by, expected] of [
      [-1, 0],
      [-0.01, 0],
      [1, 2],
      [30, 2],
    ] as const) {
      stepAlong(model, by);
      for (const score of flat(cosine(input))) {
        t.ok(Math.abs(score - expected) < 1e-5, `${by}: ${score}`);
        t.ok(score >= 0, 'rounding makes none negative');
      }
    }
  });
  t.end();
});

t.test('when nothing was trained, then no unit is told from another', (t) => {
  withModel({ rank: 0 }, ({ input }) => {
    t.ok(flat(cosine(input)).every((score) => score === 1));
  });
  t.end();
});

import t from 'tap';
import { magnitude } from '../../lib/saliency/magnitude.js';
import { taylorFirst } from '../../lib/saliency/taylor_first.js';
import { dot, equalsFormula, flat, stepAlong, withModel } from './lora_moments.js';

t.test('when Taylor’s first order is asked for, then it is |⟨W, s·BA⟩| of the unit', (t) => {
  equalsFormula(t, taylorFirst, (x, u) => Math.abs(dot(x, u)));
  t.end();
});

t.test('when the step is ±c·W, then the score is c·‖W‖² on either side', (t) => {
  withModel({ rank: 2 }, ({ model, input }) => {
    const squares = flat(magnitude(input)).map((x) => x * x);
    for (const by of [0.25, -0.25]) {
      stepAlong(model, by);
      flat(taylorFirst(input)).forEach((score, i) => {
        const expected = 0.25 * squares[i]!;
        t.ok(Math.abs(score - expected) < 1e-5 * expected, `${by}: ${score}, ${expected}`);
      });
    }
  });
  t.end();
});

t.test('when nothing was trained, then nothing is known: every score is 0', (t) => {
  withModel({ rank: 0 }, ({ input }) => {
    t.ok(flat(taylorFirst(input)).every((score) => score === 0));
  });
  withModel({ rank: 2 }, ({ model, input }) => {
    stepAlong(model, 0);
    t.ok(flat(taylorFirst(input)).every((score) => score === 0));
  });
  t.end();
});

import t from 'tap';
import { taylorFirst } from '../../lib/saliency/taylor_first.js';
import { taylorSecond } from '../../lib/saliency/taylor_second.js';
import { dot, equalsFormula, flat, withModel } from './lora_moments.js';

t.test('when second-order scores are asked for, then each is half the square of ⟨W, s·BA⟩', (t) => {
  equalsFormula(t, taylorSecond, (x, u) => dot(x, u) ** 2 / 2);
  t.end();
});

t.test('when units are ranked by it, then as by the first order', (t) => {
  withModel({ rank: 2 }, ({ input }) => {
    const order = (scores: number[]): number[] =>
      [...scores.keys()].sort((a, b) => scores[a]! - scores[b]!);
    t.strictSame(order(flat(taylorSecond(input))), order(flat(taylorFirst(input))));
  });
  t.end();
});

import t from 'tap';
import { createDeck } from '../../lib/data/deck.js';

const draw = (deck: { draw(): number }, n: number) => Array.from({ length: n }, () => deck.draw());

t.test('when a deck is drawn, then each card comes once a round and the rounds differ', (t) => {
  const deck = createDeck(50, 1);
  const first = draw(deck, 50);
  const second = draw(deck, 50);
  const all = Array.from({ length: 50 }, (_, i) => i);
  t.strictSame(
    [...first].sort((a, b) => a - b),
    all,
  );
  t.strictSame(
    [...second].sort((a, b) => a - b),
    all,
  );
  t.notSame(first, second);
  t.notSame(first, all);
  t.strictSame(draw(createDeck(50, 1), 50), first, 'the seed decides');
  t.notSame(draw(createDeck(50, 2), 50), first);
  t.end();
});

t.test('when a state is restored in another round, then the continuation is the same', (t) => {
  const deck = createDeck(7, 3, 4);
  draw(deck, 18);
  const state = deck.state();
  t.strictSame(state, { round: 2, position: 4 });
  const after = draw(deck, 20);
  const other = createDeck(7, 3, 4);
  other.restore(state);
  t.strictSame(draw(other, 20), after);
  other.restore(state);
  t.strictSame(draw(other, 20), after, 'also back from a later round');
  t.end();
});

t.test('when there is one card, then it comes every time', (t) => {
  t.strictSame(draw(createDeck(1, 0), 3), [0, 0, 0]);
  t.end();
});

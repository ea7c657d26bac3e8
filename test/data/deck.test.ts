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

t.test('when a deck is marked anywhere, then no card comes twice before all have come', (t) => {
  const deck = createDeck(9, 5);
  const plain = createDeck(9, 5);
  t.equal(deck.left(), Infinity);
  for (const before of [0, 3, 9, 4, 7, 1, 13, 8]) {
    draw(deck, before);
    draw(plain, before);
    deck.mark();
    t.equal(deck.left(), 9);
    const state = JSON.parse(JSON.stringify(deck.state())) as ReturnType<typeof deck.state>;
    const seen = draw(deck, 9);
    draw(plain, 9);
    t.equal(new Set(seen).size, 9, `${before} before`);
    t.equal(deck.left(), 0);
    const other = createDeck(9, 5);
    other.restore(state);
    t.strictSame(draw(other, 9), seen, 'a state goes on alike');
    t.strictSame(other.state(), deck.state());
  }
  t.equal(deck.state().position, plain.state().position);
  t.end();
});

t.test('when rounds follow upon marks, then each still has every card once', (t) => {
  const deck = createDeck(7, 2);
  const all: number[] = [];
  for (let i = 0; i < 10; i++) {
    deck.mark();
    all.push(...draw(deck, 4 + (i % 3)));
  }
  for (let from = 0; from + 7 <= all.length; from += 7) {
    t.equal(new Set(all.slice(from, from + 7)).size, 7);
  }
  t.end();
});

t.test(
  'when a deck is marked before anything is drawn, then its first round is as without',
  (t) => {
    const deck = createDeck(20, 1);
    deck.mark();
    t.strictSame(draw(deck, 20), draw(createDeck(20, 1), 20));
    t.end();
  },
);

// Draws 0..count-1 in a seeded order, each once before any comes again, with a state that can be saved.
import { createRandom, shuffle } from './random.js';

export interface DeckState {
  /** How many times all were drawn. */
  round: number;
  /** How many were drawn in this round. */
  position: number;
}

export interface Deck {
  readonly count: number;
  draw(): number;
  state(): DeckState;
  restore(state: DeckState): void;
}

/** A deck of `count` ≥ 1 cards; `seed` numbers as for {@link createRandom}. Each round has its own order. */
export function createDeck(count: number, ...seed: readonly [number, ...number[]]): Deck {
  let round = 0;
  let position = 0;
  let order = orderOf(count, seed, round);
  return {
    count,
    draw() {
      if (position === count) {
        round += 1;
        position = 0;
        order = orderOf(count, seed, round);
      }
      return order[position++] as number;
    },
    state: () => ({ round, position }),
    restore(state) {
      if (state.round !== round) order = orderOf(count, seed, state.round);
      ({ round, position } = state);
    },
  };
}

function orderOf(count: number, seed: readonly [number, ...number[]], round: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  return shuffle(order, createRandom(...seed, round));
}

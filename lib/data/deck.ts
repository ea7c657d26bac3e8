// Draws 0..count-1 in a seeded order, each once before any comes again, with a state that can be saved.
import { createRandom, shuffle } from './random.js';

export interface DeckState {
  /** How many times all were drawn. */
  round: number;
  /** How many were drawn in this round. */
  position: number;
  /** Once marked: where, in this round (`count`: in the one before), what was drawn since, and what rounds put last. */
  mark?: { at: number; drawn: number; last: [round: number, from: number][] };
}

export interface Deck {
  readonly count: number;
  draw(): number;
  /**
   * From here on no card comes twice until all have come, also when a new order begins in between: what was drawn since
   * the mark stands at the end of that.
   */
  mark(): void;
  /** Cards that did not come since the mark; Infinity without one. */
  left(): number;
  state(): DeckState;
  restore(state: DeckState): void;
}

/** A deck of `count` ≥ 1 cards; `seed` numbers as for {@link createRandom}. Each round has its own order. */
export function createDeck(count: number, ...seed: readonly [number, ...number[]]): Deck {
  let round = 0;
  let position = 0;
  let mark: NonNullable<DeckState['mark']> | null = null;
  let order = shuffled(0);
  return {
    count,
    draw() {
      if (position === count) begin();
      if (mark) mark.drawn += 1;
      return order[position++] as number;
    },
    mark() {
      mark = { at: position, drawn: 0, last: mark?.last ?? [] };
    },
    left: () => (mark ? Math.max(0, count - mark.drawn) : Infinity),
    state: () => ({ round, position, ...(mark ? { mark: structuredClone(mark) } : {}) }),
    restore(state) {
      ({ round, position } = state);
      mark = state.mark ? structuredClone(state.mark) : null;
      order = orderAt(round, new Map(mark?.last));
    },
  };

  function begin(): void {
    const from = mark?.at ?? count;
    round += 1;
    position = 0;
    if (from === count) {
      order = shuffled(round);
      return;
    }
    mark?.last.push([round, from]);
    if (mark) mark.at = count;
    order = putLast(shuffled(round), order.subarray(from));
  }

  function shuffled(of: number): Uint32Array {
    const cards = Uint32Array.from({ length: count }, (_, i) => i);
    return shuffle(cards, createRandom(...seed, of));
  }

  /** The order of a round, from the last one before it that did not depend on another. */
  function orderAt(of: number, last: ReadonlyMap<number, number>): Uint32Array {
    let first = of;
    while (last.has(first)) first -= 1;
    let cards = shuffled(first);
    for (let next = first + 1; next <= of; next++) {
      cards = putLast(shuffled(next), cards.subarray(last.get(next)));
    }
    return cards;
  }
}

/** `order` with the cards of `late` moved behind the others; both keep their order. */
function putLast(order: Uint32Array, late: Uint32Array): Uint32Array {
  const those = new Set(late);
  return Uint32Array.from([
    ...order.filter((card) => !those.has(card)),
    ...order.filter((card) => those.has(card)),
  ]);
}

// Batches of windows from several sources by weight, seeded, with a state that continues bit for bit (algorithm.md §5).
import { LoraShearError } from '../errors.js';
import { createDeck, type DeckState } from './deck.js';
import type { Windows } from './packing.js';
import { createRandom, type RandomState } from './random.js';

export interface SampledSource {
  name: string;
  windows: Windows;
}

/** Plain JSON; only fits a sampler made with the same sources and seed. */
export interface SamplerState {
  random: RandomState;
  weights: number[];
  decks: Record<string, DeckState>;
}

export interface SampledBatch {
  /** batch × length tokens, row by row. */
  ids: Int32Array;
  batch: number;
  length: number;
  /** The document of each token in its row, where documents are kept apart. */
  segments?: Int32Array;
  /** For each row, the index of its source. */
  sources: number[];
}

export interface Sampler {
  readonly names: readonly string[];
  /** Windows of each source. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Tokens in each row. */
  readonly length: number;
  next(batch: number): SampledBatch;
  /** New weights, in the order of the sources (a new mixture for a new round); need not sum to 1. */
  setWeights(weights: readonly number[]): void;
  weights(): number[];
  /**
   * From here on no window comes twice until all have come: a source that has none left passes its weight on to the
   * others. Once none has any left, all begin again.
   */
  beginRound(): void;
  state(): SamplerState;
  restore(state: SamplerState): void;
}

/**
 * Each row's source is drawn by weight; within a source no window comes twice before all have come.
 * @param options.documents whether batches tell the documents of a row apart; by default they do not
 * @param options.weights one per source, ≥ 0, not all zero; uniform when not given
 * @throws LoraShearError `DATA_EMPTY` when a source with a weight has no window.
 */
export function createSampler(options: {
  sources: readonly SampledSource[];
  weights?: readonly number[];
  seed: number;
  documents?: boolean;
}): Sampler {
  const { sources, seed, documents = false } = options;
  const first = sources[0];
  if (!first) throw new LoraShearError('DATA_EMPTY', 'there is no source to draw from');
  const { length } = first.windows;
  if (sources.some((s) => s.windows.length !== length)) {
    throw new RangeError('all sources need windows of the same length');
  }
  if (new Set(sources.map((s) => s.name)).size < sources.length) {
    throw new RangeError('two sources have the same name');
  }
  const random = createRandom(seed);
  const decks = sources.map((s, i) => createDeck(Math.max(1, s.windows.count), seed, i + 1));
  let weights = checked(options.weights ?? sources.map(() => 1), sources);
  return {
    names: sources.map((s) => s.name),
    sizes: Object.fromEntries(sources.map(({ name, windows }) => [name, windows.count])),
    length,
    next(batch) {
      const ids = new Int32Array(batch * length);
      const segments = documents ? new Int32Array(batch * length) : undefined;
      const drawn: number[] = [];
      for (let row = 0; row < batch; row++) {
        const source = random.weighted(open());
        const { windows } = sources[source] as SampledSource;
        const index = decks[source]!.draw();
        ids.set(windows.window(index), row * length);
        segments?.set(windows.segments(index), row * length);
        drawn.push(source);
      }
      return { ids, batch, length, sources: drawn, ...(segments ? { segments } : {}) };
    },
    setWeights(next) {
      weights = checked(next, sources);
    },
    weights: () => [...weights],
    beginRound() {
      for (const deck of decks) deck.mark();
    },
    state: () => ({
      random: random.state(),
      weights: [...weights],
      decks: Object.fromEntries(sources.map((s, i) => [s.name, decks[i]!.state()])),
    }),
    restore(state) {
      const missing = sources.find((s) => !(s.name in state.decks));
      if (missing) {
        throw new LoraShearError(
          'RUN_CORRUPT',
          `the saved sampler knows no source "${missing.name}" (it has ${Object.keys(state.decks).join(', ')})`,
          { hint: 'resume with the sources that the run was started with' },
        );
      }
      random.restore(state.random);
      weights = checked(state.weights, sources);
      for (const [i, source] of sources.entries()) decks[i]!.restore(state.decks[source.name]!);
    },
  };

  /** The weights of the sources that have windows left in this round. */
  function open(): readonly number[] {
    const left = weights.map((weight, i) => (decks[i]!.left() > 0 ? weight : 0));
    if (left.some((weight) => weight > 0)) return left;
    for (const deck of decks) deck.mark();
    return weights;
  }
}

function checked(weights: readonly number[], sources: readonly SampledSource[]): number[] {
  if (weights.length !== sources.length || weights.some((w) => !(w >= 0 && Number.isFinite(w)))) {
    throw new RangeError(`weights [${weights.join(', ')}] for ${sources.length} sources`);
  }
  if (weights.every((w) => w === 0)) throw new RangeError('all weights are zero');
  for (const [i, { name, windows }] of sources.entries()) {
    if (windows.count > 0 || weights[i] === 0) continue;
    throw new LoraShearError(
      'DATA_EMPTY',
      `source "${name}" has too little text for one window of ${windows.length} tokens`,
      { hint: 'add text to it, leave it out, or use a shorter sequence length', facts: { name } },
    );
  }
  return [...weights];
}

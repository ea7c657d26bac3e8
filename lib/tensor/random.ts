// Seeded streams of random numbers for operators, with a state that can be saved.
import type { GeneratorId } from '../native/binding.js';
import { native } from '../native/load.js';
import { Tensor, tensorFrom } from './tensor.js';

/** A seeded generator; pass `id` where an operator takes a Generator. */
export interface RandomStream {
  readonly id: GeneratorId;
  /** The state as bytes; give them to restore() to continue bit for bit. */
  save(): Uint8Array;
  restore(state: Uint8Array): void;
}

/** `seed` is a whole number below 2⁵³. */
export function randomStream(seed: number, device = 'cpu'): RandomStream {
  const id = native().generator(seed, device);
  return {
    id,
    save() {
      const state = new Tensor(native().generatorState(id));
      const bytes = new Uint8Array(state.toBytes());
      state.dispose();
      return bytes;
    },
    restore(bytes) {
      const state = tensorFrom(bytes, 'uint8', [bytes.length]);
      native().setGeneratorState(id, state.handle);
      state.dispose();
    },
  };
}

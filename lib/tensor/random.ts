// Seeded streams of random numbers for operators, with a state that can be saved.
import { LoraShearError } from '../errors.js';
import type { GeneratorId } from '../native/binding.js';
import { guarded } from '../native/native_error.js';
import { Tensor, tensorFrom } from './tensor.js';

/** A seeded generator; pass `id` where an operator takes a Generator. */
export interface RandomStream {
  readonly id: GeneratorId;
  /** The state as bytes; give them to restore() to continue bit for bit. */
  save(): Uint8Array;
  restore(state: Uint8Array): void;
}

/**
 * `seed` is a whole number from 0 to 2⁵³ − 1, of which the CPU's generator takes the low 32 bits.
 * @throws TENSOR_OP_FAILED for another seed
 */
export function randomStream(seed: number, device = 'cpu'): RandomStream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new LoraShearError('TENSOR_OP_FAILED', `randomStream: the seed is ${seed}`, {
      hint: 'a seed is a whole number from 0 to 2^53 - 1',
    });
  }
  return streamOf(guarded('randomStream', (b) => b.generator(seed, device)));
}

const defaults = new Map<string, RandomStream>();

/** The stream that operators draw from which are given none (dropout); all threads of the process share it. */
export function defaultStream(device = 'cpu'): RandomStream {
  const known = defaults.get(device);
  if (known) return known;
  const stream = streamOf(guarded('defaultStream', (b) => b.defaultGenerator(device)));
  defaults.set(device, stream);
  return stream;
}

function streamOf(id: GeneratorId): RandomStream {
  return {
    id,
    save() {
      const state = new Tensor(guarded('save', (b) => b.generatorState(id)));
      const bytes = new Uint8Array(state.toBytes());
      state.dispose();
      return bytes;
    },
    restore(bytes) {
      const state = tensorFrom(bytes, 'uint8', [bytes.length]);
      try {
        guarded('restore', (b) => {
          b.setGeneratorState(id, state.handle);
        });
      } finally {
        state.dispose();
      }
    },
  };
}

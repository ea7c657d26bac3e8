// Keys and values of the tokens that a generation has already seen, layer by layer.
import { copy_, empty, slice } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

interface Entry {
  keys: Tensor; // (B, K, capacity, D)
  values: Tensor;
}

/** Smallest buffer; it doubles when it is full. */
const firstCapacity = 64;

/**
 * Grows as needed, so that a short generation takes little memory. A model appends the keys and values of each layer
 * and then says once, at the end of its pass, how many tokens that were.
 */
export class KvCache {
  readonly #layers = new Map<number, Entry>();
  #length = 0;

  /** @param capacity tokens that are given room at once */
  constructor(readonly capacity: number = firstCapacity) {}

  /** Tokens that are in it. */
  get length(): number {
    return this.#length;
  }

  /** k and v (B, K, T, D) behind what is there → all keys and values (B, K, S, D), views of the cache. */
  append(layer: number, k: Tensor, v: Tensor): readonly [k: Tensor, v: Tensor] {
    const [past, end] = [this.#length, this.#length + k.extent(2)];
    const { keys, values } = this.#room(layer, k, v, end);
    scoped(() => {
      copy_(slice(keys, 2, past, end), k);
      copy_(slice(values, 2, past, end), v);
    });
    return [slice(keys, 2, 0, end), slice(values, 2, 0, end)];
  }

  /** Every layer has appended `tokens` of them. */
  advance(tokens: number): void {
    this.#length += tokens;
  }

  /** Forgets everything; the memory stays for the next text. */
  clear(): void {
    this.#length = 0;
  }

  dispose(): void {
    for (const { keys, values } of this.#layers.values()) {
      keys.dispose();
      values.dispose();
    }
    this.#layers.clear();
    this.#length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #room(layer: number, k: Tensor, v: Tensor, tokens: number): Entry {
    const held = this.#layers.get(layer);
    const capacity = held?.keys.extent(2) ?? 0;
    if (held && capacity >= tokens) return held;
    const size = Math.max(2 * capacity, this.capacity, tokens);
    const grown = (like: Tensor, old: Tensor | undefined): Tensor => {
      const [B, K, , D] = like.shape as [number, number, number, number];
      const made = keep(empty([B, K, size, D], like.dtype, like.device));
      if (old) scoped(() => copy_(slice(made, 2, 0, capacity), old));
      old?.dispose();
      return made;
    };
    const entry = { keys: grown(k, held?.keys), values: grown(v, held?.values) };
    this.#layers.set(layer, entry);
    return entry;
  }
}

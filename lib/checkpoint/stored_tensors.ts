// The tensors of a folder, read where they lie: their bytes are never mapped, so they never count as memory of the process.
import { closeSync, openSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import { fromNative, guarded } from '../native/native_error.js';
import { type DType, dtypeBytes } from '../tensor/dtype.js';
import { type Tensor, tensorFrom } from '../tensor/tensor.js';
import { invalid } from './safetensors_header.js';
import { type StoredSlice, storedSlice } from './stored_slice.js';
import { type Weights, openWeights, storedName } from './weights.js';

/** The caller closes it. */
export class StoredTensors {
  readonly weights: Weights;
  readonly #descriptors = new Map<string, number>();

  /** @throws what {@link openWeights} throws */
  constructor(readonly dir: string) {
    this.weights = openWeights(dir);
  }

  /**
   * A part of tensor `name`, for {@link read} and {@link readInto}.
   * @param kept indices by dimension, ascending; all where there is no entry
   * @throws TENSOR_MISSING, CHECKPOINT_UNSUPPORTED for a type that libtorch does not have
   */
  slice(name: string, kept: ReadonlyMap<number, readonly number[]> = new Map()): StoredSlice {
    const entry = this.weights.owner
      .get(storedName(name, this.weights))
      ?.entries.get(storedName(name, this.weights));
    if (!entry) {
      throw new LoraShearError('TENSOR_MISSING', `${this.dir} has no tensor '${name}'`, {
        hint: 'the weights do not belong to this config.json, or a shard is missing',
        facts: { name },
      });
    }
    return storedSlice(entry, dtypeBytes(dtypeOf(this.dir, entry)), kept);
  }

  /** Type of the elements of a slice. */
  dtype({ entry }: StoredSlice): DType {
    return dtypeOf(this.dir, entry);
  }

  /**
   * Reads some rows of the slice, by their numbers in the stored tensor, to the start of `into`.
   * @param rows runs of them @returns the bytes read
   * @throws SAFETENSORS_INVALID where the file was cut short
   */
  readInto(slice: StoredSlice, rows: Float64Array, into: Uint8Array): number {
    const { entry, elementBytes, width, columns } = slice;
    const path = this.#path(entry.name);
    const fd = this.#descriptors.get(path) ?? openSync(path, 'r');
    this.#descriptors.set(path, fd);
    try {
      return guarded('readSlice', (b) =>
        b.readSlice(fd, entry.start, elementBytes, width, rows, columns, into),
      );
    } catch (thrown) {
      const error = fromNative(thrown, path);
      if (error.code !== 'TENSOR_OP_FAILED' && error.code !== 'NATIVE_FAILURE') throw error;
      throw invalid(path, 'FileChanged', error.message, thrown);
    }
  }

  /** The slice as a tensor of its own on the CPU, in its stored type. @throws as {@link readInto} */
  read(slice: StoredSlice): Tensor {
    const bytes = Buffer.allocUnsafe(slice.rowCount * slice.rowBytes);
    this.readInto(slice, Float64Array.from(slice.rows), bytes);
    return tensorFrom(bytes, this.dtype(slice), slice.shape);
  }

  close(): void {
    for (const fd of this.#descriptors.values()) closeSync(fd);
    this.#descriptors.clear();
    for (const file of this.weights.files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #path(stored: string): string {
    return this.weights.owner.get(stored)?.path ?? this.dir;
  }
}

function dtypeOf(dir: string, { name, dtype, stored }: StoredSlice['entry']): DType {
  if (dtype !== undefined) return dtype;
  throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `${dir}: '${name}' is stored as ${stored}`, {
    hint: 'save the model as float32, bfloat16 or float16',
  });
}

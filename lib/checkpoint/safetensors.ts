// A safetensors file, mapped: tensors lie over its bytes without a copy.
import { existsSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import type { MappingId } from '../native/binding.js';
import { native } from '../native/load.js';
import { fromNative, guarded } from '../native/native_error.js';
import { dtypeCode } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import { type TensorEntry, headerLength, invalid, readHeader } from './safetensors_header.js';

/** Tensors made from it stay valid after close(). */
export class SafetensorsFile {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** The strings of `__metadata__`; empty where the file has none. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly #mapping: MappingId;
  #open = true;

  /**
   * Maps the file and reads its header; no byte of a tensor is read.
   * @throws SAFETENSORS_INVALID for anything that the format forbids, the rule in `facts.rule`
   * @throws CHECKPOINT_NOT_FOUND, OUT_OF_MEMORY when there is no address space for it
   */
  constructor(readonly path: string) {
    const { id, size } = open(path);
    this.#mapping = id;
    try {
      const length = headerLength(path, this.#bytes(0, Math.min(8, size)), size);
      const header = readHeader(path, this.#bytes(8, length), size);
      this.entries = new Map(header.entries.map((entry) => [entry.name, entry]));
      this.metadata = header.metadata;
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  #bytes(offset: number, length: number): Buffer {
    try {
      return native().mapBytes(this.#mapping, offset, length);
    } catch (thrown) {
      throw this.#changed(thrown);
    }
  }

  /**
   * The tensor called `name`, reading the page cache (copied only where the file misaligns it). Two F4 make one
   * element of float4_e2m1fn_x2, so the last extent halves.
   * @throws SAFETENSORS_INVALID when there is none or the file was cut short meanwhile
   * @throws CHECKPOINT_UNSUPPORTED for a type that libtorch does not have
   * @throws TENSOR_DISPOSED after close()
   */
  tensor(name: string): Tensor {
    const entry = this.entries.get(name);
    if (!entry) throw invalid(this.path, 'TensorNotFound', `there is no tensor '${name}'`);
    if (!this.#open) {
      throw new LoraShearError('TENSOR_DISPOSED', `${this.path} was closed before '${name}'`, {
        hint: 'take the tensors first; they stay valid after close()',
      });
    }
    const { start, dtype, stored } = entry;
    const shape = stored === 'F4' ? inPairs(entry.shape) : entry.shape;
    if (dtype === undefined || shape === undefined) {
      throw new LoraShearError(
        'CHECKPOINT_UNSUPPORTED',
        `${this.path}: libtorch holds no tensor of ${stored} and shape [${entry.shape.join(', ')}] ('${name}')`,
        { hint: 'save the model as float32, bfloat16 or float16' },
      );
    }
    try {
      return new Tensor(native().mapTensor(this.#mapping, start, dtypeCode(dtype), shape));
    } catch (thrown) {
      throw this.#changed(thrown);
    }
  }

  /** The header was right when the file was opened: a range that is outside now was cut off since. */
  #changed(thrown: unknown): LoraShearError {
    const { code, message } = fromNative(thrown, this.path);
    if (code !== 'TENSOR_OP_FAILED') return fromNative(thrown, this.path);
    return invalid(this.path, 'FileChanged', message, thrown);
  }

  /** Closing twice is no error. */
  close(): void {
    this.#open = false;
    guarded('unmapFile', (binding) => {
      binding.unmapFile(this.#mapping);
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function open(path: string): { id: MappingId; size: number } {
  try {
    return native().mapFile(path);
  } catch (thrown) {
    const error = fromNative(thrown, 'mapFile');
    if (error.code !== 'NATIVE_FAILURE') throw error;
    if (existsSync(path)) throw invalid(path, 'FileUnreadable', error.message, thrown);
    throw new LoraShearError('CHECKPOINT_NOT_FOUND', `${path} does not exist`, {
      hint: 'check the path, or copy the missing file',
      facts: { path },
    });
  }
}

/** The shape in pairs along the last dimension; undefined where that does not come out even. */
function inPairs(shape: readonly number[]): readonly number[] | undefined {
  const last = shape.at(-1);
  return last === undefined || last % 2 !== 0 ? undefined : [...shape.slice(0, -1), last / 2];
}

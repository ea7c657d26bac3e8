// A tensor as JavaScript holds it: a handle on libtorch's object, released by a scope or by dispose().
import { LoraShearError } from '../errors.js';
import type { Handle } from '../native/binding.js';
import { native } from '../native/load.js';
import { guarded } from '../native/native_error.js';
import { type DType, dtypeCode, dtypeOfCode } from './dtype.js';
import { type Scope, adopt, forget } from './scope.js';
import { widenFloat8 } from './small_float.js';

/** A typed array of the element types that JavaScript has. */
export type HostArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

export class Tensor {
  readonly handle: Handle;
  /** Who frees it; scope.ts alone changes this. */
  scope: Scope | undefined;
  #shape: readonly number[] | undefined;

  /** Wraps a handle; the innermost scope, if any, frees it unless it is returned or kept. */
  constructor(handle: Handle) {
    this.handle = handle;
    this.scope = adopt(this);
  }

  get shape(): readonly number[] {
    return (this.#shape ??= guarded('shape', (b) => b.shape(this.handle)));
  }

  get dtype(): DType {
    const code = guarded('dtype', (b) => b.dtype(this.handle));
    const name = dtypeOfCode(code);
    if (name === undefined) throw new Error(`unknown libtorch dtype ${code}`);
    return name;
  }

  get device(): string {
    return guarded('device', (b) => b.device(this.handle));
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, extent) => product * extent, 1);
  }

  /** Extent of dimension `dim` (negative counts from the end). */
  extent(dim: number): number {
    return this.shape.at(dim) ?? NaN;
  }

  get requiresGrad(): boolean {
    return guarded('requiresGrad', (b) => b.requiresGrad(this.handle));
  }

  set requiresGrad(on: boolean) {
    guarded('requiresGrad', (b) => {
      b.setRequiresGrad(this.handle, on);
    });
  }

  /** Whether no operator recorded for gradients made it: a parameter, an input, or a constant. */
  get isLeaf(): boolean {
    return guarded('isLeaf', (b) => b.isLeaf(this.handle));
  }

  /** Gradient of a leaf after backward(), or null. The result is a new handle in the current scope. */
  get grad(): Tensor | null {
    const handle = guarded('grad', (b) => b.gradOf(this.handle));
    return handle === null ? null : new Tensor(handle);
  }

  get alive(): boolean {
    return native().isAlive(this.handle);
  }

  /** The value of a one-element tensor; waits for the device. */
  item(): number {
    return guarded('item', (b) => b.item(this.handle));
  }

  /** All elements as float32 (row-major), whatever the dtype. */
  toFloat32(): Float32Array {
    if (this.dtype === 'float32') {
      return new Float32Array(guarded('toFloat32', (b) => b.toBytes(this.handle)));
    }
    return Float32Array.from(this.toArray());
  }

  /**
   * All elements as JavaScript numbers (row-major). Floats of 16 and 8 bits are widened exactly.
   * @throws TENSOR_OP_FAILED for complex numbers and packed pairs, which are no numbers of JavaScript
   */
  toArray(): number[] {
    const buffer = guarded('toArray', (b) => b.toBytes(this.handle));
    switch (this.dtype) {
      case 'float32':
        return Array.from(new Float32Array(buffer));
      case 'float64':
        return Array.from(new Float64Array(buffer));
      case 'int64':
        return Array.from(new BigInt64Array(buffer), Number);
      case 'int32':
        return Array.from(new Int32Array(buffer));
      case 'int16':
        return Array.from(new Int16Array(buffer));
      case 'int8':
        return Array.from(new Int8Array(buffer));
      case 'uint8':
      case 'bool':
        return Array.from(new Uint8Array(buffer));
      case 'bfloat16':
        return Array.from(new Uint16Array(buffer), widenBfloat16);
      case 'float16':
        return Array.from(new Uint16Array(buffer), widenFloat16);
      case 'uint16':
        return Array.from(new Uint16Array(buffer));
      case 'uint32':
        return Array.from(new Uint32Array(buffer));
      case 'uint64':
        return Array.from(new BigUint64Array(buffer), Number);
      case 'float8_e5m2':
        return Array.from(new Uint8Array(buffer), (bits) => widenFloat16(bits << 8));
      case 'float8_e4m3fn':
      case 'float8_e5m2fnuz':
      case 'float8_e4m3fnuz':
      case 'float8_e8m0fnu':
        return Array.from(new Uint8Array(buffer), widenFloat8[this.dtype]);
      case 'complex64':
      case 'float4_e2m1fn_x2':
        throw new LoraShearError('TENSOR_OP_FAILED', `toArray: ${this.dtype} is no number`, {
          hint: 'take toBytes(), or convert it to another dtype first',
        });
    }
  }

  /** The raw little-endian bytes of all elements (row-major). */
  toBytes(): ArrayBuffer {
    return guarded('toBytes', (b) => b.toBytes(this.handle));
  }

  /** Drops this handle now. A second dispose is a typed error, as every later use is. */
  dispose(): void {
    forget(this);
    guarded('dispose', (b) => {
      b.free(this.handle);
    });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const scratch = new DataView(new ArrayBuffer(4));

function widenBfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A CPU tensor with a copy of `data`'s bytes seen as `dtype`. */
export function tensorFrom(data: ArrayBufferView, dtype: DType, shape: readonly number[]): Tensor {
  return new Tensor(guarded('tensorFrom', (b) => b.fromBytes(data, dtypeCode(dtype), shape)));
}

/** An int64 tensor of token ids (or any whole numbers). */
export function longTensor(values: ArrayLike<number>, shape: readonly number[]): Tensor {
  return tensorFrom(BigInt64Array.from(Array.from(values), BigInt), 'int64', shape);
}

/** A float32 tensor. */
export function floatTensor(values: ArrayLike<number>, shape: readonly number[]): Tensor {
  return tensorFrom(Float32Array.from(values), 'float32', shape);
}

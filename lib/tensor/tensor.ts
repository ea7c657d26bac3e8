// A tensor as JavaScript holds it: a handle on libtorch's object, released by a scope or by dispose().
import type { Handle } from '../native/binding.js';
import { native } from '../native/load.js';
import { guarded } from '../native/native_error.js';
import { type DType, dtypeCode, dtypeOfCode } from './dtype.js';
import { type HostArray, hostArrayOf, noNumber } from './host_array.js';
import { watch } from './leak_detector.js';
import { type Scope, adopt, forget } from './scope.js';

export class Tensor {
  readonly handle: Handle;
  /** Who frees it; scope.ts alone changes this. */
  scope: Scope | undefined;
  #shape: readonly number[] | undefined;

  /** Wraps a handle; the innermost scope, if any, frees it unless it is returned or kept. */
  constructor(handle: Handle) {
    this.handle = handle;
    this.scope = adopt(this);
    watch?.(this);
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

  /** All elements as float32 (row-major), whatever the dtype. @throws as {@link toArray} */
  toFloat32(): Float32Array {
    const values = this.#numbers('toFloat32');
    return values instanceof Float32Array ? values : Float32Array.from(values, Number);
  }

  /**
   * All elements as JavaScript numbers (row-major). Floats of 16 and 8 bits are widened exactly.
   * @throws TENSOR_OP_FAILED for complex numbers and packed pairs, which are no numbers of JavaScript
   */
  toArray(): number[] {
    const values = this.#numbers('toArray');
    const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array;
    return isBig ? Array.from(values, Number) : Array.from(values);
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

  /**
   * All elements (row-major) in the typed array of the dtype: float32 in a Float32Array, int64 in a BigInt64Array, bool
   * and uint8 in a Uint8Array, and so on. Floats of 16 and 8 bits come exactly widened in a Float32Array, complex64 in
   * one of re, im, re, im, … A copy; waits for the device.
   * @throws TENSOR_OP_FAILED for packed pairs of four bits
   */
  toTypedArray(): HostArray {
    const bytes = guarded('toTypedArray', (b) => b.toBytes(this.handle));
    return hostArrayOf(bytes, this.dtype);
  }

  /** As toTypedArray, but only for what is one number an element. */
  #numbers(where: string): HostArray {
    const { dtype } = this;
    if (dtype === 'complex64' || dtype === 'float4_e2m1fn_x2') throw noNumber(where, dtype);
    return this.toTypedArray();
  }
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

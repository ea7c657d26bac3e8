// Blocks of matrices whose slices are groups, as JSON for both sides: LLaMA's shapes, chosen units, values by formula.
import { noGrad } from '../lib/tensor/autograd.js';
import { type DType, dtypeBytes } from '../lib/tensor/dtype.js';
import type { SliceList } from '../lib/tensor/kernels.js';
import * as ops from '../lib/tensor/ops.js';
import { keep, scoped } from '../lib/tensor/scope.js';
import { type Tensor, longTensor } from '../lib/tensor/tensor.js';

export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
  /** Rows (axis 0) or columns (axis 1) of one unit, beside each other. */
  readonly perUnit: number;
  readonly axis: 0 | 1;
}

/** Matrices that share their units: unit u is the group of the u-th slice of each. */
export interface Block {
  readonly units: number;
  readonly active: readonly number[];
  readonly matrices: readonly MatrixShape[];
}

export interface SlicedMatrices {
  readonly blocks: readonly Block[];
  readonly rank: number;
  readonly scale: number;
  readonly dtype: DType;
  readonly device: string;
}

export interface LlamaShape {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly intermediate: number;
}

/** The model of the tables in docs/benchmarks.md: 31.6 M parameters, 11,040 groups. */
export const defaultModel: LlamaShape = {
  ...{ hidden: 512, layers: 8, heads: 8, kvHeads: 4, intermediate: 1376 },
};

export const llama7b: LlamaShape = {
  ...{ hidden: 4096, layers: 32, heads: 32, kvHeads: 32, intermediate: 11008 },
};

/** `fraction` of the numbers 0 … units − 1, shuffled by a small congruential generator, in order. */
export function chooseUnits(units: number, fraction: number, seed: number): number[] {
  const order = Array.from({ length: units }, (_, u) => u);
  let state = seed + 1;
  for (let i = units - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order.slice(0, Math.floor(units * fraction)).sort((a, b) => a - b);
}

/**
 * Producer slices of every layer: for each kv head the rows of its q heads, of k and of v; for each channel its rows of
 * gate and up. `fraction` of the groups of each block is active.
 */
export function llamaBlocks(shape: LlamaShape, fraction: number): Block[] {
  const { hidden, layers, heads, kvHeads, intermediate } = shape;
  const width = hidden / heads;
  const rows = (perUnit: number, units: number): MatrixShape => ({
    ...{ rows: perUnit * units, columns: hidden, perUnit, axis: 0 },
  });
  return Array.from({ length: 2 * layers }, (_, i): Block => {
    const attention = i % 2 === 0;
    const units = attention ? kvHeads : intermediate;
    const matrices = attention
      ? [rows((heads / kvHeads) * width, units), rows(width, units), rows(width, units)]
      : [rows(1, units), rows(1, units)];
    return { units, active: chooseUnits(units, fraction, i), matrices };
  });
}

/** One block of one matrix. */
export function singleBlock(matrix: MatrixShape, fraction: number): Block {
  const units = (matrix.axis === 0 ? matrix.rows : matrix.columns) / matrix.perUnit;
  return { units, active: chooseUnits(units, fraction, 0), matrices: [matrix] };
}

/** Bytes of memory come and go in lines of this size. */
const lineBytes = 64;

/**
 * Bytes of the active slices: of W (`x`; whole cache lines where slices are columns), of the LoRA factor that is cut
 * along (`sliced`) and of the one that all slices share (`shared`).
 */
export function sliceBytes({ blocks, rank, dtype }: SlicedMatrices) {
  const size = dtypeBytes(dtype);
  let x = 0;
  let sliced = 0;
  let shared = 0;
  for (const { active, matrices } of blocks) {
    for (const { rows, columns, perUnit, axis } of matrices) {
      const slices = active.length * perUnit;
      if (axis === 0) {
        x += slices * columns * size;
        shared += rank * columns * size;
      } else {
        const lines = new Set<number>();
        for (const unit of active) {
          const from = Math.floor((unit * perUnit * size) / lineBytes);
          const to = Math.ceil(((unit + 1) * perUnit * size) / lineBytes);
          for (let line = from; line < to; line++) lines.add(line);
        }
        x += rows * lines.size * lineBytes;
        shared += rank * rows * size;
      }
      sliced += slices * rank * size;
    }
  }
  return { x, sliced, shared };
}

/** amplitude · sin(12.9898·row + 78.233·column + seed), in float32: the same numbers in every language. */
function wave(
  rows: number,
  columns: number,
  seed: number,
  amplitude: number,
  device: string,
): Tensor {
  return scoped(() => {
    const down = ops.reshape(ops.scale(ops.arange(0, rows, 'float32', device), 12.9898), [rows, 1]);
    const along = ops.scale(ops.arange(0, columns, 'float32', device), 78.233);
    return ops.scale(ops.sin(ops.shift(ops.add(down, along), seed)), amplitude);
  });
}

/** Amplitudes of W, B and A. */
const amplitudes = { x: 0.02, b: 0.1, a: 0.04 };

/** Tensors of the blocks. The caller disposes the lists' tensors, or ends its process. */
export function makeSlices({ blocks, rank, dtype, device }: SlicedMatrices) {
  const x: Tensor[] = [];
  const loraB: Tensor[] = [];
  const loraA: Tensor[] = [];
  const index: Tensor[] = [];
  const group: Tensor[] = [];
  const axis: number[] = [];
  let groups = 0;
  const onDevice = (t: Tensor): Tensor => keep(ops.to(t, device, t.dtype));
  for (const { active, matrices } of blocks) {
    for (const { rows, columns, perUnit, axis: along } of matrices) {
      const seed = 3 * x.length;
      const make = (r: number, c: number, offset: number, amplitude: number): Tensor =>
        keep(scoped(() => ops.to(wave(r, c, seed + offset, amplitude, device), device, dtype)));
      x.push(make(rows, columns, 0, amplitudes.x));
      loraB.push(make(rows, rank, 1, amplitudes.b));
      loraA.push(make(rank, columns, 2, amplitudes.a));
      const lines = active.flatMap((u) =>
        Array.from({ length: perUnit }, (_, i) => u * perUnit + i),
      );
      const first = groups;
      const owners = active.flatMap((_, g) => Array.from({ length: perUnit }, () => first + g));
      index.push(onDevice(longTensor(lines, [lines.length])));
      group.push(onDevice(longTensor(owners, [owners.length])));
      axis.push(along);
    }
    groups += active.length;
  }
  const list: SliceList = { x, loraB, loraA, moments: [], index, group, axis };
  return { list, groups };
}

/** Bytes that calls go through where their data must come from memory: far more than most caches hold. */
const coldBytes = 512 * 2 ** 20;

/** How many copies of data of `footprint` bytes calls must go through in turn to find none of it in a cache. */
export const coldCopies = (footprint: number): number => Math.ceil(coldBytes / footprint);

/** `count` lists of the same values in memory of their own, the given one first. */
export function copiesOf(list: SliceList, count: number): SliceList[] {
  const copy = (tensors: readonly Tensor[]): Tensor[] => tensors.map((t) => keep(ops.clone(t)));
  const { x, loraB, loraA } = list;
  const another = (): SliceList => ({
    ...list,
    ...{ x: copy(x), loraB: copy(loraB), loraA: copy(loraA) },
  });
  return [list, ...Array.from({ length: count - 1 }, another)];
}

/** For each tensor its norm, and its product with a wave, which tells where in the tensor values are. */
export function checksums(tensors: readonly Tensor[], name: string): Record<string, number[]> {
  const rows = tensors.map((t, i) =>
    noGrad(() =>
      scoped(() => {
        const values = ops.to(t, t.device, 'float32');
        const [r, c] = [t.extent(0), t.extent(1)];
        const norm = Math.sqrt(ops.sumAll(ops.mul(values, values)).item());
        const amplitude = Math.sqrt(2 / (r * c)); // a wave of norm 1
        const placed = ops.sumAll(ops.mul(values, wave(r, c, 999, amplitude, t.device))).item();
        return [`${name}.${i}`, [norm, placed]] as [string, number[]];
      }),
    ),
  );
  return Object.fromEntries(rows);
}

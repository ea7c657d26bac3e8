// The half-space step of LHSPG over all groups of a model at once, beside three ways to write it in PyTorch.
import { noGrad } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { type SliceList, halfSpaceProjection } from '../../lib/tensor/kernels.js';
import { clone, copy_ } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { waiterFor } from '../device.js';
import {
  type Block,
  type SlicedMatrices,
  checksums,
  coldCopies,
  copiesOf,
  defaultModel,
  llama7b,
  llamaBlocks,
  makeSlices,
  singleBlock,
  sliceBytes,
} from '../sliced_matrices.js';
import {
  type Case,
  type Subject,
  type Suite,
  type SuiteOptions,
  type Target,
  fasterThan,
  nearRoofline,
  valueAtMost,
} from '../suite.js';
import { timed } from '../timed.js';

/** Steps left in the period while measured: no group reaches zero. */
const remaining = 1000;
/** What the checked step does instead: λ = ‖x‖/2 and ε = ½ set those groups to zero whose ⟨u, x⟩ < 0. */
const checked = { remaining: 2, epsilon: 0.5 };
const rank = 8;
const scale = 2;

interface HalfOptions {
  readonly targets: readonly Target[];
  readonly peers: readonly string[];
  /** Every call finds its matrices in memory, not in a cache, as after a training step. */
  readonly cold?: boolean;
}

function half(
  name: string,
  blocks: readonly Block[],
  dtype: DType,
  { device }: SuiteOptions,
  { targets, peers, cold = false }: HalfOptions,
): Case {
  const matrices = { blocks, rank, scale, dtype, device };
  const { x, sliced, shared } = sliceBytes(matrices);
  const touched = x + sliced + shared;
  const copies = cold ? coldCopies(touched) : 1;
  return {
    name: `${name} ${dtype}`,
    unit: 's',
    peers,
    parameters: { ...matrices, copies, remaining, checked },
    // W and the factor's part of active slices are read and written, the other factor is read.
    memory: { moved: 2 * x + 2 * sliced + shared, footprint: copies * touched },
    targets,
    tolerance: dtype === 'float32' ? 1e-5 : 2e-2,
    prepare: () => prepare(matrices, copies),
  };
}

function prepare(matrices: SlicedMatrices, copies: number): Subject {
  const { list, groups } = makeSlices(matrices);
  const lists = copiesOf(list, copies);
  const factorsOf = ({ loraB, loraA, axis }: SliceList): Tensor[] =>
    axis.map((along, i) => (along === 0 ? loraB : loraA)[i]!);
  const before = factorsOf(list).map((t) => clone(t));
  const restore = (to: readonly Tensor[], from: readonly Tensor[]): void => {
    noGrad(() => scoped(() => to.forEach((t, i) => copy_(t, from[i]!))));
  };
  const step = (on: SliceList, options: { remaining: number; epsilon?: number }): void => {
    noGrad(() => scoped(() => void halfSpaceProjection(on, { scale, groups, ...options })));
  };
  let turn = 0;
  const next = (): SliceList => lists[turn % copies]!;
  return {
    check() {
      return scoped(() => {
        const x = list.x.map((t) => clone(t));
        step(list, checked);
        const sums = { ...checksums(list.x, 'W'), ...checksums(factorsOf(list), 'factor') };
        restore(list.x, x);
        return sums;
      });
    },
    measure: timed({
      // The factors as an optimiser's step leaves them: not zero.
      reset() {
        turn++;
        restore(factorsOf(next()), before);
      },
      call: () => step(next(), { remaining }),
      wait: waiterFor(matrices.device),
    }),
  };
}

export const halfSpaceProjectionSuite: Suite = {
  name: 'half_space_projection',
  what: 'the half-space step of LHSPG on half of all groups',
  quick: true,
  threaded: true,
  cases(options) {
    const gpu = options.device === 'cuda';
    const model = llamaBlocks(defaultModel, 0.5);
    const fp32 = [fasterThan('vec', 6), fasterThan('oto', 19), fasterThan('loop', 180)];
    const bf16 = [fasterThan('vec', 10), fasterThan('oto', 18)];
    const near = [nearRoofline(gpu ? 1 / 0.65 : 1.5)];
    const channels = { rows: 11008, columns: 4096, perUnit: 1, axis: 0 } as const;
    const heads = { rows: 4096, columns: 4096, perUnit: 128, axis: 0 } as const;
    const readers = { rows: 4096, columns: 11008, perUnit: 1, axis: 1 } as const;
    const vec = { targets: near, peers: ['vec'], cold: true };
    const cases = [
      half('default model', model, 'float32', options, {
        ...{ targets: gpu ? [] : fp32, peers: ['vec', 'oto', 'loop'] },
      }),
      half('default model', model, 'bfloat16', options, {
        ...{ targets: gpu ? [] : bf16, peers: ['vec', 'oto'] },
      }),
      ...(['float32', 'bfloat16'] as const).flatMap((dtype) => [
        half('11008×4096 rows', [singleBlock(channels, 0.5)], dtype, options, vec),
        half('4096×4096 heads', [singleBlock(heads, 0.5)], dtype, options, vec),
        half('4096×11008 columns', [singleBlock(readers, 0.5)], dtype, options, vec),
      ]),
    ];
    if (!gpu) return cases;
    const whole = {
      targets: [valueAtMost(3e-3, '≤ 3 ms'), ...near],
      peers: ['vec'],
    };
    return [...cases, half('LLaMA-7B', llamaBlocks(llama7b, 0.5), 'bfloat16', options, whole)];
  },
};

// The half-space step of LHSPG over all groups of a model at once, beside three ways to write it in PyTorch.
import { noGrad } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { halfSpaceProjection } from '../../lib/tensor/kernels.js';
import { clone, copy_ } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { waiterFor } from '../device.js';
import {
  type Block,
  checksums,
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

function half(
  name: string,
  blocks: readonly Block[],
  dtype: DType,
  { device }: SuiteOptions,
  { targets, peers }: { targets: readonly Target[]; peers: readonly string[] },
): Case {
  const matrices = { blocks, rank, scale, dtype, device };
  const { x, sliced, shared } = sliceBytes(matrices);
  return {
    name: `${name} ${dtype}`,
    unit: 's',
    peers,
    parameters: { ...matrices, remaining, checked },
    // W and the factor's part of active slices are read and written, the other factor is read.
    bytes: 2 * x + 2 * sliced + shared,
    targets,
    tolerance: dtype === 'float32' ? 1e-5 : 2e-2,
    prepare: () => prepare(matrices),
  };
}

function prepare(matrices: Parameters<typeof makeSlices>[0]): Subject {
  const { list, groups } = makeSlices(matrices);
  const { x, axis } = list;
  const factors = axis.map((along, i) => (along === 0 ? list.loraB : list.loraA)[i]!);
  const before = { x: x.map((t) => clone(t)), factors: factors.map((t) => clone(t)) };
  const restore = (to: typeof x, from: typeof x): void => {
    noGrad(() => scoped(() => to.forEach((t, i) => copy_(t, from[i]!))));
  };
  const step = (options: { remaining: number; epsilon?: number }): void => {
    noGrad(() => scoped(() => void halfSpaceProjection(list, { scale, groups, ...options })));
  };
  return {
    check() {
      step(checked);
      const sums = { ...checksums(x, 'W'), ...checksums(factors, 'factor') };
      restore(x, before.x);
      restore(factors, before.factors);
      return sums;
    },
    measure: timed({
      // The factors as an optimiser's step leaves them: not zero.
      reset: () => restore(factors, before.factors),
      call: () => step({ remaining }),
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
    const vec = { targets: near, peers: ['vec'] };
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
        half('4096×11008 columns', [singleBlock(readers, 0.5)], dtype, options, {
          ...{ targets: [], peers: ['vec'] },
        }),
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

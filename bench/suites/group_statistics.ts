// The sums behind the saliencies of all groups of a model, in one pass that never holds B·A of a matrix.
import { noGrad } from '../../lib/tensor/autograd.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { type SliceList, groupStatistics } from '../../lib/tensor/kernels.js';
import { scoped } from '../../lib/tensor/scope.js';
import { waiterFor } from '../device.js';
import {
  type Block,
  type SlicedMatrices,
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
  nearRoofline,
} from '../suite.js';
import { timed } from '../timed.js';

const rank = 8;
const scale = 2;

interface StatisticsOptions {
  readonly targets: readonly Target[];
  /** Every call finds its matrices in memory, not in a cache, as after a training step. */
  readonly cold?: boolean;
}

function statistics(
  name: string,
  blocks: readonly Block[],
  dtype: DType,
  { device }: SuiteOptions,
  { targets, cold = false }: StatisticsOptions,
): Case {
  const matrices: SlicedMatrices = { blocks, rank, scale, dtype, device };
  const { x, sliced, shared } = sliceBytes(matrices);
  const touched = x + sliced + shared;
  const copies = cold ? coldCopies(touched) : 1;
  return {
    name: `${name} ${dtype}`,
    unit: 's',
    peers: ['vec'],
    parameters: { ...matrices, copies },
    // W, B and A are read; the sums are a few bytes a group.
    memory: { moved: touched, footprint: copies * touched },
    targets,
    tolerance: dtype === 'float32' ? 1e-5 : 2e-2,
    prepare: () => prepare(matrices, copies),
  };
}

/** Numbers of a row in the check: ‖x‖², ⟨x, u⟩, ‖u‖². */
const columns = 3;

function prepare(matrices: SlicedMatrices, copies: number): Subject {
  const { list, groups } = makeSlices(matrices);
  const lists = copiesOf(list, copies);
  let turn = 0;
  const next = (): SliceList => lists[turn++ % copies]!;
  return {
    check() {
      const sums = noGrad(() => scoped(() => groupStatistics(list, { scale, groups }).toArray()));
      const row = (g: number): number[] => sums.slice(columns * g, columns * (g + 1));
      return Object.fromEntries(Array.from({ length: groups }, (_, g) => [`group.${g}`, row(g)]));
    },
    measure: timed({
      call: () => noGrad(() => scoped(() => void groupStatistics(next(), { scale, groups }))),
      wait: waiterFor(matrices.device),
    }),
  };
}

export const groupStatisticsSuite: Suite = {
  name: 'group_statistics',
  what: '‖x‖², ⟨x, u⟩ and ‖u‖² of every group, u = s·BA',
  quick: true,
  threaded: true,
  cases(options) {
    const gpu = options.device === 'cuda';
    const near = { targets: [nearRoofline(gpu ? 1 / 0.65 : 1.5)], cold: true };
    const channels = { rows: 11008, columns: 4096, perUnit: 1, axis: 0 } as const;
    const heads = { rows: 4096, columns: 4096, perUnit: 128, axis: 0 } as const;
    const readers = { rows: 4096, columns: 11008, perUnit: 1, axis: 1 } as const;
    const cases = (['float32', 'bfloat16'] as const).flatMap((dtype) => [
      statistics('default model', llamaBlocks(defaultModel, 1), dtype, options, { targets: [] }),
      statistics('11008×4096 rows', [singleBlock(channels, 1)], dtype, options, near),
      statistics('4096×4096 heads', [singleBlock(heads, 1)], dtype, options, near),
      statistics('4096×11008 columns', [singleBlock(readers, 1)], dtype, options, {
        targets: [],
        cold: true,
      }),
    ]);
    if (!gpu) return cases;
    return [...cases, statistics('LLaMA-7B', llamaBlocks(llama7b, 1), 'bfloat16', options, near)];
  },
};

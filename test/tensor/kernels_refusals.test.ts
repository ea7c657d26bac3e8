// Our own operators at the edges: empty and NaN groups, storage that rounds to zero, meta tensors, wrong arguments.
import { LoraShearError } from '../../lib/errors.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { groupStatistics, halfSpaceProjection, type SliceList } from '../../lib/tensor/kernels.js';
import { empty, full, to, transpose, zeros } from '../../lib/tensor/ops.js';
import { floatTensor, longTensor, type Tensor } from '../../lib/tensor/tensor.js';
import { blocks, bytes, range, slicesOf, step, test } from '../fixtures/slices.js';

const single = (x: Tensor, index: number[], group: number[]): SliceList => ({
  x: [x],
  loraB: [empty([0])],
  loraA: [empty([0])],
  moments: [],
  index: [longTensor(index, [index.length])],
  group: [longTensor(group, [group.length])],
  axis: [0],
});

test('when a group is zero already or has no slice, then it is reported as zero and stays so', (t) => {
  const list = single(zeros([4, 3]), [1, 2], [2, 1]);
  t.same(step(list, { scale: 1, groups: 4, remaining: 5 }).toArray(), [0, 1, 0, 1, 0, 1, 0, 1]);
  t.same(groupStatistics(list, { scale: 1, groups: 4 }).toArray(), Array(12).fill(0));
});

test('when a weight is NaN, then the group is not silently ended', (t) => {
  const x = floatTensor([1, NaN, 2, 2], [2, 2]);
  const result = step(single(x, [0, 1], [0, 1]), { scale: 0, groups: 2, remaining: 2 }).toArray();
  t.ok(Number.isNaN(result[0]));
  t.equal(result[1], 0);
  t.same(x.toArray().slice(2), [1, 1]);
});

test('when rounding to the storage leaves nothing, then the group counts as zero', (t) => {
  const least = to(full([1, 16], 2 ** -24, 'float32'), 'cpu', 'float16'); // ‖x‖ = 2^-22
  const pull = [0.75 * 2 ** -22]; // leaves 2^-26, which rounds to 0
  const result = step(single(least, [0], [0]), { scale: 0, groups: 1, remaining: 9, pull });
  t.same(result.toArray(), [2 ** -22, 1]);
  t.same(least.toArray(), Array(16).fill(0));
});

test('when tensors are on meta, then only shapes come out', (t) => {
  const meta = (shape: number[], dtype: DType = 'float32'): Tensor => empty(shape, dtype, 'meta');
  const list = {
    ...single(meta([6, 4]), [], []),
    loraB: [meta([6, 2])],
    loraA: [meta([2, 4])],
    index: [meta([3], 'int64')],
    group: [meta([3], 'int64')],
  };
  t.same(groupStatistics(list, { scale: 1, groups: 5 }).shape, [5, 3]);
  const result = halfSpaceProjection(list, { scale: 1, groups: 5, remaining: 2 });
  t.same(result.shape, [5, 2]);
  t.equal(result.device, 'meta');
});

test('when an argument is wrong, then the error names it and nothing was written', (t) => {
  const { matrices } = blocks(8, 21);
  const { list } = slicesOf(matrices.slice(0, 3), 'float32', true);
  const o = { scale: 1, groups: 2, remaining: 3 };
  const replace = <T>(items: readonly T[], at: number, item: T): T[] => items.with(at, item);
  const before = bytes([...list.x, ...list.loraB, ...list.loraA, ...list.moments]);
  const wrong: [string, RegExp, () => unknown][] = [
    [
      'row',
      /index\[0\]\[1\] is 52, x\[0\] has 52 rows/,
      () =>
        step(
          { ...list, index: replace(list.index, 0, longTensor([0, 52, ...range(1, 25)], [26])) },
          o,
        ),
    ],
    [
      'column',
      /index\[2\]\[0\] is -1, x\[2\] has 52 columns/,
      () =>
        groupStatistics(
          { ...list, index: replace(list.index, 2, longTensor([-1, ...range(1, 26)], [26])) },
          o,
        ),
    ],
    ['group', /group\[0\]\[0\] is 1, there are 1 groups/, () => step(list, { ...o, groups: 1 })],
    [
      'lengths',
      /index\[0\] has 1 entries, group\[0\] 26/,
      () => step({ ...list, index: replace(list.index, 0, longTensor([3], [1])) }, o),
    ],
    [
      'twice',
      /lists row 4 of x\[0\] a second time/,
      () =>
        step(
          { ...list, index: replace(list.index, 0, longTensor([4, 4, ...range(6, 30)], [26])) },
          o,
        ),
    ],
    [
      'two axes',
      /one matrix on two axes/,
      () =>
        step(
          {
            ...list,
            x: replace(list.x, 2, transpose(transpose(list.x[0] as Tensor, 0, 1), 0, 1)),
            loraB: replace(list.loraB, 2, empty([0])),
            loraA: replace(list.loraA, 2, empty([0])),
            index: replace(
              list.index,
              2,
              longTensor(
                range(0, 26).map((i) => i % 21),
                [26],
              ),
            ),
            moments: [],
          },
          o,
        ),
    ],
    [
      'shapes',
      /lora_b\[0\] of shape .* does not give the shape of x\[0\]/,
      () => step({ ...list, loraB: replace(list.loraB, 0, zeros([51, 8])) }, o),
    ],
    [
      'half a LoRA',
      /matrix 0 has only one of lora_b .* and lora_a/,
      () => step({ ...list, loraA: replace(list.loraA, 0, empty([0])) }, o),
    ],
    [
      'moments',
      /moments\[1\] .* does not belong to lora_b\[0\]/,
      () => step({ ...list, moments: replace(list.moments, 1, zeros([52, 7])) }, o),
    ],
    [
      'moments count',
      /moments must be empty or hold 2 per matrix/,
      () => step({ ...list, moments: list.moments.slice(1) }, o),
    ],
    [
      'dtype',
      /x\[0\] must be fp32, bf16, f16 or fp64/,
      () => step({ ...list, x: replace(list.x, 0, zeros([52, 21], 'int32')) }, o),
    ],
    [
      'axis',
      /axis\[1\] is 1 for x\[1\] of shape \[52\]/,
      () => step({ ...list, axis: [0, 1, 1] }, o),
    ],
    ['lists', /the lists differ in length/, () => step({ ...list, axis: [0, 0] }, o)],
    [
      'remaining',
      /remaining must be at least 1, it is 0/,
      () => step(list, { ...o, remaining: 0 }),
    ],
    ['epsilon', /epsilon must be in \[0, 1\), it is 1/, () => step(list, { ...o, epsilon: 1 })],
    [
      'pull',
      /pull must be a contiguous fp32 vector of 2 groups/,
      () => halfSpaceProjection(list, { ...o, pull: zeros([3]) }),
    ],
  ];
  for (const [name, message, fn] of wrong) {
    try {
      fn();
      t.fail(`${name} was accepted`);
    } catch (error) {
      t.ok(error instanceof LoraShearError, name);
      t.equal((error as LoraShearError).code, 'TENSOR_OP_FAILED', name);
      t.match((error as LoraShearError).message, message, name);
    }
  }
  t.equal(bytes([...list.x, ...list.loraB, ...list.loraA, ...list.moments]), before);
});

// What the device's allocator says, and a full device as an error after which all goes on.
import { memoryStatistics, resetPeakMemory } from '../../lib/tensor/memory.js';
import { add, empty, full, matmul, select, to, zeros } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import type { DeviceMemory } from '../../lib/tensor/memory.js';
import { gpu, test } from '../fixtures/gpu.js';

const mebibyte = 2 ** 20;
const memory = (): DeviceMemory => memoryStatistics(gpu).device!;

test(
  'when a tensor of the device lives, then the allocator counts it, and its peak stays until it is reset',
  (t) => {
    const before = memory();
    scoped(() => {
      const { tensorBytes } = memoryStatistics(gpu);
      zeros([64 * mebibyte], 'uint8', gpu);
      t.equal(memory().allocated - before.allocated, 64 * mebibyte);
      t.equal(memoryStatistics(gpu).tensorBytes - tensorBytes, 64 * mebibyte);
    });
    const after = memory();
    t.equal(after.allocated, before.allocated);
    t.ok(after.peakAllocated >= before.allocated + 64 * mebibyte);
    resetPeakMemory(gpu);
    const reset = memory();
    t.same([reset.peakAllocated, reset.peakReserved], [reset.allocated, reset.reserved]);
    t.ok(reset.reserved >= reset.allocated && reset.total >= reset.free && reset.free > 0);
    t.same(memoryStatistics(`${gpu}:0`).device?.total, reset.total, 'by its number, too');
  },
  'memory',
);

const isUsable = (): boolean => {
  const ones = full([64, 64], 1, 'float32', gpu);
  return matmul(ones, ones)
    .toArray()
    .every((v) => v === 64);
};

test('when more is asked for than there is, then OUT_OF_MEMORY, and the process goes on', (t) => {
  for (let i = 0; i < 3; i++) {
    t.throws(() => empty([2 ** 46], 'float32', gpu), {
      code: 'OUT_OF_MEMORY',
      message: /aten::empty/,
      hint: String,
    });
    t.ok(scoped(isUsable));
  }
});

test(
  'when the device is filled, then OUT_OF_MEMORY, and what is freed serves again',
  (t) => {
    const piece = Math.floor(memory().total / 16);
    const before = memory().allocated;
    t.throws(
      () =>
        scoped(() => {
          for (;;) zeros([piece], 'uint8', gpu);
        }),
      { code: 'OUT_OF_MEMORY' },
    );
    t.equal(memory().allocated, before, 'the scope freed all');
    t.ok(scoped(isUsable));
    scoped(() => {
      const a = full([Math.floor(piece / 4)], 1, 'float32', gpu);
      t.equal(select(add(a, a), 0, -1).item(), 2); // all of it would be more than JavaScript's arrays hold
    });
  },
  'memory',
);

test('when values go to the device and back, then every bit is as it was', (t) => {
  for (const dtype of ['float32', 'bfloat16', 'int64', 'bool'] as const) {
    const x = to(full([3, 5], 1, 'float32'), gpu, dtype);
    t.ok(x.device.startsWith(gpu));
    t.same(x.toArray(), Array<number>(15).fill(1));
    t.same(to(x, 'cpu', dtype).toBytes(), x.toBytes());
  }
});

import { memoryStatistics, resetPeakMemory } from '../../lib/tensor/memory.js';
import { view, zeros } from '../../lib/tensor/ops.js';
import { scoped, tensorBytes, tensorCount } from '../../lib/tensor/scope.js';
import { test } from '../fixtures/no_leak.js';

const mebibyte = 2 ** 20;

test('when tensors live, then handles and distinct storages are counted, and no device on the CPU', (t) => {
  const before = memoryStatistics();
  const x = zeros([256, 1024]);
  view(x, [1024, 256]);
  const after = memoryStatistics('cpu');
  t.equal(after.tensors, before.tensors + 2);
  t.equal(after.tensorBytes, before.tensorBytes + mebibyte, 'a view counts once');
  t.same([after.tensors, after.tensorBytes], [tensorCount(), tensorBytes()]);
  t.equal(after.device, null);
  t.equal(memoryStatistics('cpu:0').device, null);
});

test('when memory is touched and given back, then rss falls, and the peak stays until it is reset', (t) => {
  const size = 256 * mebibyte;
  const { held, peak } = scoped(() => {
    zeros([size / 4]);
    const { rss, peakRss } = memoryStatistics();
    return { held: rss, peak: peakRss };
  });
  const after = memoryStatistics();
  t.ok(held - after.rss > size / 2, 'libtorch gave it back');
  t.ok(peak >= held);
  t.ok(after.peakRss >= held - mebibyte, 'the peak is remembered');
  resetPeakMemory();
  t.ok(memoryStatistics().peakRss < held - size / 2, 'and forgotten');
});

test('when libtorch sees no such device, then DEVICE_FAILED says what it sees', (t) => {
  for (const device of ['cuda:99', 'xpu', 'meta']) {
    for (const ask of [memoryStatistics, resetPeakMemory]) {
      t.throws(() => ask(device), {
        code: 'DEVICE_FAILED',
        message: new RegExp(`${ask.name}: there is no ${device}: libtorch sees`),
        facts: { device, cudaDevices: Number },
        hint: String,
      });
    }
  }
});

test('when the name is no device at all, then libtorch says so', (t) => {
  t.throws(() => memoryStatistics('gpu'), { code: 'TENSOR_OP_FAILED' });
  t.throws(() => resetPeakMemory(''), { code: 'TENSOR_OP_FAILED' });
});

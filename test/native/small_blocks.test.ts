import t from 'tap';
import { assign } from '../../lib/engine/assign.js';
import { full } from '../../lib/tensor/ops.js';
import { keep, scoped, tensorCount } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import type { Outcome } from '../fixtures/native_worker.js';

/** A small generator of whole numbers below `n`, the same in every run. */
function dice(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

t.test('when tensors of all small sizes come and go, then each keeps its own elements', (t) => {
  const roll = dice(1);
  const live: { tensor: Tensor; value: number; size: number }[] = [];
  const before = tensorCount();
  const check = ({ tensor, value, size }: (typeof live)[number]): boolean => {
    const bytes = new Uint8Array(tensor.toBytes());
    return bytes.length === size && bytes.every((byte) => byte === value);
  };
  let wrong = 0;
  for (let step = 0; step < 20_000; step++) {
    if (live.length > 500 || (live.length > 0 && roll(3) === 0)) {
      const [gone] = live.splice(roll(live.length), 1);
      if (!check(gone!)) wrong++;
      gone!.tensor.dispose();
    } else {
      // Around every border between classes, and beyond the last.
      const size = Math.max(0, 2 ** roll(14) + roll(3) - 1);
      const value = roll(256);
      live.push({ tensor: keep(full([size], value, 'uint8')), value, size });
    }
  }
  wrong += live.filter((entry) => !check(entry)).length;
  for (const { tensor } of live) tensor.dispose();
  t.equal(wrong, 0);
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when many are made and freed again and again, then memory is used again', (t) => {
  const round = (): void =>
    scoped(() => {
      for (let i = 0; i < 20_000; i++) full([64], i);
    });
  round();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 10; i++) round();
  t.ok(process.memoryUsage.rss() - before < 30e6);
  t.end();
});

t.test(
  'when threads end, then what they freed serves others, and tensors of theirs stay whole',
  async (t) => {
    const script = new URL('../fixtures/native_worker.js', import.meta.url);
    const work = (seed: number): Promise<Outcome> =>
      assign<Outcome>(script, 'work', { size: 8, steps: 50, seed });
    const kept = keep(full([8], 7, 'uint8'));
    const first = await work(1);
    for (let i = 0; i < 4; i++) {
      const outcomes = await Promise.all([work(1), work(1)]);
      t.same(outcomes, [first, first]);
      t.same([...new Uint8Array(kept.toBytes())], Array(8).fill(7));
    }
    kept.dispose();
  },
);

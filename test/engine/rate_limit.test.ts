import t from 'tap';
import { rateLimit } from '../../lib/engine/rate_limit.js';
import type { RunEvent, StageName } from '../../lib/events.js';

const progress = (done: number, stage: StageName = 'lhspg', total = 100): RunEvent => ({
  type: 'progress',
  stage,
  done,
  total,
  unit: 'step',
});

function limited() {
  const seen: RunEvent[] = [];
  const clock = { now: 0 };
  const emit = rateLimit((event) => seen.push(event), { interval: 100, now: () => clock.now });
  return { seen, clock, emit };
}

t.test('when progress comes too soon, then it waits for the next interval', async (t) => {
  const { seen, clock, emit } = limited();
  for (const [at, done] of [
    [0, 1],
    [10, 2],
    [99, 3],
    [100, 4],
    [150, 5],
  ] as const) {
    clock.now = at;
    emit(progress(done));
  }
  t.same(seen, [progress(1), progress(4)]);
});

t.test('when a stage ends, then what was held back comes first', async (t) => {
  const { seen, emit } = limited();
  const end: RunEvent = { type: 'stage-end', stage: 'lhspg', seconds: 1 };
  for (const event of [progress(1), progress(2), progress(3), end]) emit(event);
  t.same(seen, [progress(1), progress(3), end]);
});

t.test('when all is done, then that is told at once', async (t) => {
  const { seen, emit } = limited();
  for (const event of [progress(1), progress(2), progress(100)]) emit(event);
  t.same(seen, [progress(1), progress(100)]);
});

t.test('when another stage begins, then it is told at once, after the one before', async (t) => {
  const { seen, emit } = limited();
  for (const event of [progress(1), progress(2), progress(1, 'knowledge')]) emit(event);
  t.same(seen, [progress(1), progress(2), progress(1, 'knowledge')]);
});

t.test('when a metric comes, then it passes and does not wake what is held', async (t) => {
  const { seen, emit } = limited();
  const metric: RunEvent = { type: 'metric', stage: 'lhspg', step: 2, values: { loss: 1 } };
  for (const event of [progress(1), progress(2), metric]) emit(event);
  t.same(seen, [progress(1), metric]);
});

import t from 'tap';
import { EventQueue, keptMetrics } from '../../lib/engine/event_queue.js';
import type { RunEvent, StageName } from '../../lib/events.js';

const progress = (stage: StageName, done: number): RunEvent => ({
  ...{ type: 'progress', stage, done, total: 1e6, unit: 'step' },
});
const metric = (step: number): RunEvent => ({ type: 'metric', stage: 'lhspg', step, values: {} });
const start = (stage: StageName): RunEvent => ({ type: 'stage-start', stage, reused: false });

function drained(queue: EventQueue): RunEvent[] {
  const events: RunEvent[] = [];
  for (let event = queue.shift(); event; event = queue.shift()) events.push(event);
  return events;
}

t.test('when nobody reads, then the last progress of each stage waits, in order', (t) => {
  const queue = new EventQueue();
  queue.push(start('knowledge'));
  for (let done = 1; done <= 1000; done++) queue.push(progress('knowledge', done));
  queue.push(start('lhspg'));
  for (let done = 1; done <= 1000; done++) queue.push(progress('lhspg', done));
  queue.push({ type: 'warning', message: 'mind this' });
  queue.push({ type: 'saved', path: '/a', what: 'state' });
  queue.push({ type: 'saved', path: '/a', what: 'state' });
  const copy = queue.copy();
  const expected = [
    ...[start('knowledge'), progress('knowledge', 1000), start('lhspg'), progress('lhspg', 1000)],
    { type: 'warning', message: 'mind this' },
    { type: 'saved', path: '/a', what: 'state' },
  ];
  t.strictSame(drained(queue), expected);
  t.equal(queue.length, 0);
  t.strictSame(drained(copy), expected, 'a copy is a queue of its own');
  t.end();
});

t.test('when more metrics come than are kept, then the oldest go and all else stays', (t) => {
  const queue = new EventQueue();
  queue.push(start('lhspg'));
  for (let step = 1; step <= 3 * keptMetrics; step++) queue.push(metric(step));
  t.equal(queue.length, 1 + keptMetrics);
  t.strictSame(queue.shift(), start('lhspg'));
  t.strictSame(queue.shift(), metric(2 * keptMetrics + 1));
  queue.push(metric(0));
  t.strictSame(drained(queue).at(-1), metric(0));
  // what was read counts no more
  for (let step = 1; step <= 2; step++) queue.push(metric(step));
  t.strictSame(drained(queue), [metric(1), metric(2)]);
  t.end();
});

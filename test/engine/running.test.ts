import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { running } from '../../lib/engine/running.js';
import { LoraShearError } from '../../lib/errors.js';
import type { RunEvent, StageName } from '../../lib/events.js';

const stage: StageName = 'lhspg';
const start: RunEvent = { type: 'stage-start', stage, reused: false };
const end: RunEvent = { type: 'stage-end', stage, seconds: 0 };
const step = (done: number): RunEvent => ({
  ...{ type: 'progress', stage, done, total: 9, unit: 'step' },
});

/** A task of three steps, a turn of the event loop for each. */
async function work(onEvent: (event: RunEvent) => void): Promise<string> {
  onEvent(start);
  for (const done of [1, 2, 3]) {
    await sleep(1);
    onEvent(step(done));
  }
  onEvent(end);
  return 'result';
}

async function failing(onEvent: (event: RunEvent) => void): Promise<string> {
  await work(onEvent);
  throw new LoraShearError('PRUNE_DIVERGED', 'seen');
}

async function listed(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** What nobody handled in this process from now on. */
const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

async function allWereHandled(t: Test): Promise<void> {
  await sleep(5);
  t.strictSame(unhandled, [], 'no rejection is left to nobody');
}

t.test('when a task is awaited, iterated, or both, then each has all of it', async (t) => {
  t.equal(await running(work), 'result');
  const told: RunEvent[] = [];
  const both = running(work, (event) => told.push(event));
  const events = await listed(both);
  t.strictSame(events, [start, step(1), step(2), step(3), end]);
  t.strictSame(told, events);
  t.equal(await both, 'result');
  t.strictSame(await listed(both), [start, step(3), end], 'afterwards what happened, in short');
});

t.test('when two readers go at their own pace, then the slow one misses only steps', async (t) => {
  const task = running(work);
  const slow = (async () => {
    const events: RunEvent[] = [];
    for await (const event of task) {
      events.push(event);
      await sleep(20);
    }
    return events;
  })();
  t.equal((await listed(task)).length, 5);
  const seen = await slow;
  t.strictSame(seen.at(0), start);
  t.strictSame(seen.slice(-2), [step(3), end]);
});

t.test('when a loop is left early, then the task goes on', async (t) => {
  const task = running(work);
  for await (const event of task) if (event.type === 'progress') break;
  t.equal(await task, 'result');
  await allWereHandled(t);
});

t.test('when a task fails, then both uses throw, and one alone is enough', async (t) => {
  const both = running(failing);
  await t.rejects(listed(both), { code: 'PRUNE_DIVERGED' });
  await t.rejects(both, { code: 'PRUNE_DIVERGED' });
  await t.rejects(running(failing), { code: 'PRUNE_DIVERGED' });
  const task = running(failing);
  const seen: RunEvent[] = [];
  const reading = (async () => {
    for await (const event of task) seen.push(event);
  })();
  await t.rejects(reading, { code: 'PRUNE_DIVERGED' });
  t.strictSame(seen, [start, step(1), step(2), step(3), end], 'after the last event');
  await allWereHandled(t);
});

t.test('when a failure is nobody’s, then Node says so as of any promise', async (t) => {
  const program = fileURLToPath(new URL('../../lib/engine/running.js', import.meta.url));
  const script = `import { running } from ${JSON.stringify(program)};
    running(async () => { throw new Error('nobody cares'); });`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
  t.equal(child.status, 1);
  t.match(child.stderr.toString(), 'nobody cares');
});

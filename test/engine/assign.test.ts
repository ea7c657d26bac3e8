import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { assign } from '../../lib/engine/assign.js';
import { LoraShearError } from '../../lib/errors.js';
import type { RunEvent } from '../../lib/events.js';

const script = new URL('../fixtures/engine_worker.js', import.meta.url);

t.test('when a task is done, then its result crosses and the thread has ended', async (t) => {
  for (let i = 0; i < 3; i++) {
    t.equal(await assign(script, 'add', { a: i, b: 1 }), i + 1);
  }
  const handles = process.getActiveResourcesInfo();
  t.notOk(handles.includes('Worker') || handles.includes('MessagePort'), handles.join());
});

t.test('when several run at once, then they do not disturb each other', async (t) => {
  const sums = [1, 2, 3].map((a) => assign(script, 'add', { a, b: a }));
  t.same(await Promise.all(sums), [2, 4, 6]);
});

t.test(
  'when the user aborts a task that never yields, then it stops with RUN_ABORTED',
  async (t) => {
    const controller = new AbortController();
    let events = 0;
    const work = assign(script, 'busy', null, {
      signal: controller.signal,
      onEvent() {
        if (++events === 3) controller.abort();
      },
    });
    await t.rejects(work, { code: 'RUN_ABORTED' });
    t.ok(events >= 3);
  },
);

t.test('when the signal is aborted before, then nothing is started', async (t) => {
  const threads = (): number => readdirSync('/proc/self/task').length;
  const before = threads();
  const signal = AbortSignal.abort();
  const refused = assign(script, 'busy', null, { signal });
  t.ok(threads() <= before);
  await t.rejects(refused, { code: 'RUN_ABORTED' });
  t.ok(threads() <= before);
});

t.test('when a task throws ours, then code, message, hint, facts and stack cross', async (t) => {
  const error = await assign(script, 'fail', null).catch((thrown: unknown) => thrown);
  t.ok(error instanceof LoraShearError);
  t.match(error, {
    code: 'RATIO_UNREACHABLE',
    message: 'seen',
    hint: 'next',
    facts: { nearest: 0.19 },
    stack: /engine_worker[^]*caused by Error: below/,
    exitCode: 6,
  });
});

t.test('when a task throws anything else, then it is INTERNAL', async (t) => {
  await t.rejects(assign(script, 'crash', null), { code: 'INTERNAL', message: /not a function/ });
  await t.rejects(assign(script, 'no such task', null), { code: 'INTERNAL' });
  await t.rejects(assign(script, 'unclonable', null), { code: 'INTERNAL' });
  await t.rejects(assign(script, 'unclonableEvent', null), { code: 'INTERNAL' });
  await t.rejects(assign(script, 'throwText', null), { code: 'INTERNAL', message: 'a text' });
});

t.test('when facts cannot cross, then the error comes without them', async (t) => {
  await t.rejects(assign(script, 'unclonableFacts', null), {
    code: 'DATA_INVALID',
    message: 'seen',
    hint: 'next',
    facts: {},
  });
});

t.test('when a request is no plain data, then it is INTERNAL and nothing is left', async (t) => {
  const signal = new AbortController().signal;
  const request = { f: () => 1 };
  await t.rejects(assign(script, 'add', request, { signal }), { code: 'INTERNAL', hint: String });
  t.notOk(process.getActiveResourcesInfo().includes('Worker'));
});

t.test('when the script is missing, then it is INTERNAL', async (t) => {
  const missing = new URL('./no_such_worker.js', import.meta.url);
  await t.rejects(assign(missing, 'add', null), { code: 'INTERNAL' });
});

t.test('when the thread dies, then the promise does not hang', async (t) => {
  await t.rejects(assign(script, 'leave', null), { code: 'INTERNAL', message: /code 3/ });
  await t.rejects(assign(script, 'throwLater', null), { code: 'INTERNAL', message: 'later' });
  await t.rejects(assign(script, 'never', null), { code: 'INTERNAL', message: /ended/ });
});

t.test(
  "when the worker's heap is full, then it is OUT_OF_MEMORY and the process lives",
  async (t) => {
    const program = `
    import { assign } from ${JSON.stringify(new URL('../../lib/engine/assign.js', import.meta.url).href)};
    const script = new URL(${JSON.stringify(script.href)});
    const error = await assign(script, 'hoard', null).catch((thrown) => thrown);
    console.log(error.code, typeof error.hint, await assign(script, 'add', { a: 1, b: 2 }));`;
    const file = join(t.testdir({ 'program.mjs': program }), 'program.mjs');
    const small = ['--max-old-space-size=48', file];
    const { stdout } = await promisify(execFile)(process.execPath, small);
    t.equal(stdout, 'OUT_OF_MEMORY string 3\n');
  },
);

t.test('when the listener throws, then the task ends with its error', async (t) => {
  const onEvent = () => {
    throw new Error('mine');
  };
  await t.rejects(assign(script, 'busy', null, { onEvent }), { message: 'mine' });
});

t.test('when the signal is aborted during and after, then the first counts', async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  const busy = assign(script, 'busy', null, { signal });
  controller.abort(); // the thread has not started yet
  await t.rejects(busy, { code: 'RUN_ABORTED' });
  const late = new AbortController();
  t.equal(await assign(script, 'add', { a: 1, b: 1 }, { signal: late.signal }), 2);
  late.abort();
});

t.test('when a result is long, then it comes whole', async (t) => {
  const result = await assign<{ tokens: { id: number; piece: string }[]; scored: number }>(
    script,
    'tokens',
    { count: 100_000 },
  );
  t.equal(result.scored, 100_000);
  t.same([result.tokens.length, result.tokens.at(-1)], [100_000, { id: 99_999, piece: 'p99999' }]);
  t.equal(
    result.tokens.findIndex(({ id }, i) => id !== i),
    -1,
  );
});

t.test('when the thread computes, then this thread stays free', async (t) => {
  const controller = new AbortController();
  const work = assign(script, 'busy', null, { signal: controller.signal });
  // The task never ends by itself: if it held this thread, no turn would ever come.
  for (let i = 0; i < 20; i++) await sleep(5);
  controller.abort();
  await t.rejects(work, { code: 'RUN_ABORTED' });
});

t.test('when steps are fast, then few of them are told, the last one always', async (t) => {
  const events: RunEvent[] = [];
  await assign(script, 'progress', { count: 5000 }, { onEvent: (event) => events.push(event) });
  t.ok(events.length < 100, `${events.length} events`);
  t.match(events.at(-2), { type: 'progress', done: 5000 });
  t.match(events.at(-1), { type: 'stage-end' });
});

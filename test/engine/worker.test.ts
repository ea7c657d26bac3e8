import { join } from 'node:path';
import t from 'tap';
import { assign } from '../../lib/engine/assign.js';
import type { EvaluateRequest, PlanRequest, ScoreRequest } from '../../lib/engine/requests.js';
import type { TextScore } from '../../lib/evaluate/score.js';
import type { RunEvent } from '../../lib/events.js';
import type { Plan } from '../../lib/run.js';
import { denseModel as model } from '../fixtures/pages.js';
import { tinyJob } from '../fixtures/tiny_job.js';

const script = new URL('../../lib/engine/worker.js', import.meta.url);

const text = 'Once upon a time, there was a little girl.';

t.test('when a text is scored, then its stage begins, goes on and ends', async (t) => {
  const events: RunEvent[] = [];
  const file = join(t.testdir({ 'a.txt': text }), 'a.txt');
  const request: ScoreRequest = { model, file, threads: 1, maxLength: 4 };
  const result = await assign<TextScore>(script, 'score', request, {
    onEvent: (event) => events.push(event),
  });
  t.equal(result.protocol, 'rolling-4');
  t.match(events[0], { type: 'stage-start', stage: 'score', reused: false });
  t.match(events.at(-2), { type: 'progress', stage: 'score', unit: 'window' });
  t.match(events.at(-1), { type: 'stage-end', stage: 'score', seconds: Number });
  const done = events.at(-2) as RunEvent & { done: number; total: number };
  t.equal(done.done, done.total, 'the last progress is the whole');
  const whole = await assign<TextScore>(script, 'score', { ...request, threads: 2 });
  t.ok(Math.abs(whole.nll - result.nll) < 1e-4, 'threads change the order of sums, no more');
});

t.test('when the same is asked twice at once, then both answer alike', async (t) => {
  const request: PlanRequest = { job: tinyJob(join(t.testdir({}), 'none')) };
  const [a, b] = await Promise.all([0, 1].map(() => assign<Plan>(script, 'plan', request)));
  // How fast and how large the process is, no two answers agree on.
  t.same({ ...a, prediction: null }, { ...b, prediction: null });
  t.match(a, { description: String, widths: { achieved: Number } });
});

t.test('when a device is not there, then that is said before a file is read', async (t) => {
  for (const device of ['cuda:7', 'cuda:-1', 'cuda:', 'tpu']) {
    const request: ScoreRequest = { device, model: '/nowhere', file: '/nowhere' };
    const expected = { code: 'DEVICE_FAILED', facts: { device, cudaDevices: Number } };
    await t.rejects(assign(script, 'score', request), expected, device);
  }
  const request: EvaluateRequest = { device: 'cuda:99', model: '/nowhere', tasks: ['piqa'] };
  await t.rejects(assign(script, 'evaluate', request), { code: 'DEVICE_FAILED' });
});

t.test('when threads are no number of threads, then that is said', async (t) => {
  for (const threads of [0, -1, 1.5, NaN]) {
    const request: ScoreRequest = { threads, model: '/nowhere', file: '/nowhere' };
    const expected = { code: 'CONFIG_INVALID', hint: String };
    await t.rejects(assign(script, 'score', request), expected, String(threads));
  }
});

t.test('when a task is none of the engine, then it is INTERNAL', async (t) => {
  await t.rejects(assign(script, 'serve', null), { code: 'INTERNAL', message: 'serve' });
});

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  ask,
  eventsOf,
  type Sent,
  type Service,
  startService,
} from '../fixtures/service_process.js';
import { tinyInput } from '../fixtures/tiny_job.js';

const dir = t.testdir({});
const service = await startService(dir);
t.teardown(() => service.child.kill('SIGKILL'));

/** A tiny job as a client says it. */
function input(more: object = {}): object {
  const { output: _, ...job } = tinyInput(join(dir, 'none'));
  return { ...job, ...more };
}

const start = async (job: object = input()): Promise<string> => {
  const { status, body } = await ask(service, 'POST', '/runs', job);
  t.equal(status, 201);
  return body['id'] as string;
};

async function until(from: Service, run: string, done: (sent: Sent) => boolean): Promise<Sent[]> {
  const seen: Sent[] = [];
  for await (const sent of eventsOf(from, run)) {
    seen.push(sent);
    if (done(sent)) break;
  }
  return seen;
}

const never = () => false;

t.test('when a job is wrong, then the answer is a problem with every mistake', async (t) => {
  const wrong = await ask(service, 'POST', '/runs', input({ ratoi: 0.5, seed: -1 }));
  t.match(wrong, {
    status: 400,
    type: /^application\/problem\+json/,
    body: {
      ...{ status: 400, title: 'Bad Request', code: 'CONFIG_INVALID', hint: String },
      problems: [{ path: 'seed' }, { path: 'ratoi', message: /did you mean ratio/ }],
    },
  });
  const elsewhere = await ask(service, 'POST', '/runs', input({ output: join(dir, 'mine') }));
  t.match(elsewhere, { status: 400, body: { code: 'CONFIG_INVALID', detail: /output/ } });
  const text = await fetch(`${service.url}/runs`, {
    ...{ method: 'POST', body: '{"model":', headers: { 'content-type': 'application/json' } },
  });
  t.match([text.status, await text.json()], [400, { status: 400, code: String }]);
  for (const path of ['/runs/none', '/runs/none/events', '/runs/none/report', '/nothing']) {
    t.match(await ask(service, 'GET', path), { status: 404, body: { status: 404 } }, path);
  }
  t.match(await ask(service, 'GET', '/runs'), { status: 200, body: { runs: [] } });
});

t.test('when runs are posted, then one at a time computes and each can be followed', async (t) => {
  const first = await start();
  const second = await start();
  t.match(await ask(service, 'GET', `/runs/${second}`), { body: { id: second, state: 'queued' } });
  t.match(await ask(service, 'GET', `/runs/${first}/report`), { status: 404 });
  const seen = await until(service, first, ({ event }) => event === 'progress');
  t.match(seen[0], { id: 1, event: 'stage-start', data: { stage: 'load' } });

  // a reader who comes back gets what it missed, and nothing twice
  const last = seen.at(-1)!.id;
  const rest: Sent[] = [];
  for await (const sent of eventsOf(service, first, last)) rest.push(sent);
  t.equal(rest[0]?.id, last + 1);
  t.match(rest.at(-1), { event: 'end', data: { state: 'finished' } });
  const all = await until(service, first, never);
  t.strictSame(
    all.map(({ id }) => id),
    all.map((_, i) => i + 1),
    'a tiny run has fewer events than are kept',
  );
  t.strictSame(all.slice(last), rest);

  const { body } = await ask(service, 'GET', `/runs/${first}`);
  t.match(body, { state: 'finished', ratio: 0.2, result: { cut: { ratio: Number } } });
  t.ok(existsSync(join(String(body['output']), 'model', 'model.safetensors')));
  const report = await fetch(`${service.url}/runs/${first}/report`);
  t.match(report.headers.get('content-type'), /text\/html/);
  t.match(await report.text(), /^<!doctype html>/i);

  await until(service, second, ({ event }) => event === 'progress');
  t.equal((await ask(service, 'DELETE', `/runs/${second}`)).status, 202);
  t.match((await until(service, second, never)).at(-1), { data: { state: 'cancelled' } });
  t.match(await ask(service, 'DELETE', `/runs/${second}`), {
    status: 200,
    body: { state: 'cancelled', error: { code: 'RUN_ABORTED', hint: /run --resume/ } },
  });
});

t.test('when a run fails or is cancelled in the queue, then the next has its turn', async (t) => {
  const bad = await start(input({ model: dir }));
  const waiting = await start();
  t.equal((await ask(service, 'DELETE', `/runs/${waiting}`)).status, 200);
  t.match(await until(service, waiting, never), [{ data: { state: 'cancelled' } }]);
  await until(service, bad, never);
  const { body } = await ask(service, 'GET', `/runs/${bad}`);
  t.match(body, { state: 'failed', error: { code: 'CHECKPOINT_NOT_FOUND', hint: String } });
});

t.test('when the service is stopped, then its run is saved and it ends', async (t) => {
  const run = await start();
  const queued = await start();
  const reading = until(service, run, never);
  await until(service, run, ({ data }) => data.type === 'progress' && data.stage === 'knowledge');
  service.child.kill('SIGTERM');
  t.match((await reading).at(-1), { data: { state: 'cancelled' } }, 'its readers are told');
  t.equal(await service.ended, 0);
  const left = join(dir, 'runs', run);
  t.ok(existsSync(join(left, 'manifest.json')));
  t.notOk(readdirSync(left).includes('.lock'));
  t.notOk(existsSync(join(dir, 'runs', queued)), 'what waited did not begin');
});

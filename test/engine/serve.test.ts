import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { type Assignment, type FromWorker, goOn } from '../../lib/engine/protocol.js';
import { serve } from '../../lib/engine/serve.js';

const script = new URL('../fixtures/engine_worker.js', import.meta.url);

interface Started {
  worker: Worker;
  /** All that it has said so far. */
  said: FromWorker[];
  flag: Int32Array;
}

function started(task: string, request: unknown): Started {
  const flag = new SharedArrayBuffer(4);
  const workerData: Assignment = { task, request, flag };
  const worker = new Worker(script, { workerData, execArgv: [] });
  const said: FromWorker[] = [];
  worker.on('message', (message: FromWorker) => said.push(message));
  return { worker, said, flag: new Int32Array(flag) };
}

t.test('when a task is done, then it says its result and the thread ends by itself', async (t) => {
  const { worker, said } = started('add', { a: 1, b: 2 });
  t.same(await once(worker, 'exit'), [0]);
  t.same(said, [{ kind: 'result', value: 3 }]);
});

t.test('when a result is long, then each piece waits for the word to go on', async (t) => {
  const { worker, said } = started('tokens', { count: 5000 });
  for (let piece = 1; piece <= 3; piece++) {
    while (said.length < piece) await once(worker, 'message');
    await sleep(20);
    t.equal(said.length, piece, 'no further one yet');
    t.match(said.at(-1), { kind: 'piece', piece: { path: ['tokens'] } });
    worker.postMessage(goOn);
  }
  t.same(await once(worker, 'exit'), [0]);
  t.same(said.at(-1), { kind: 'result', value: { tokens: [], scored: 5000 } });
});

t.test('when the flag is raised, then a task that never yields sees it', async (t) => {
  const { worker, said, flag } = started('busy', null);
  await once(worker, 'message');
  Atomics.store(flag, 0, 1);
  t.same(await once(worker, 'exit'), [0]);
  t.match(said.at(-1), { kind: 'error', error: { code: 'RUN_ABORTED' }, stack: String });
});

t.test('when there is no such task, then that is the outcome', async (t) => {
  for (const task of ['no such task', 'toString', '__proto__']) {
    const { worker, said } = started(task, null);
    t.same(await once(worker, 'exit'), [0]);
    t.match(said, [{ kind: 'error', error: { code: 'INTERNAL', message: task } }]);
  }
});

t.test('when there is no thread to serve in, then it says so', async (t) => {
  await t.rejects(serve({}), { message: /worker thread/ });
});

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { native } from '../../lib/native/load.js';
import { tensorCount } from '../../lib/tensor/scope.js';

interface Answer {
  readonly last: number;
  readonly count: number;
}

const job = new URL('./worker_job.js', import.meta.url);

async function run(value: number, steps = 300): Promise<[Answer, number]> {
  const worker = new Worker(job, { workerData: { value, steps }, execArgv: [] });
  let answer: Answer | undefined;
  worker.on('message', (message: Answer) => (answer = message));
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (answer) resolve([answer, code]);
      else reject(new Error(`the worker said nothing and ended with ${code}`));
    });
  });
}

t.test(
  'when two workers compute at once, then each has its own table and ends cleanly',
  async (t) => {
    const before = tensorCount();
    const results = await Promise.all([run(0.5), run(2)]);
    // d Σ(w·w) / dw = column sums + row sums of a 4×4 of one value
    t.same(results, [
      [{ last: 4, count: 2 }, 0],
      [{ last: 16, count: 2 }, 0],
    ]);
    t.equal(tensorCount(), before, 'and this thread has not seen their tensors');
    t.equal(native().gradMode(), true);
  },
);

t.test('when a worker is terminated in the middle, then the process goes on', async (t) => {
  const worker = new Worker(job, { workerData: { value: 1, steps: 1e9 }, execArgv: [] });
  await new Promise((resolve) => worker.once('online', resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(await worker.terminate(), 1);
  const [answer] = await run(1, 2);
  t.equal(answer.last, 8);
});

t.test(
  'when a process ends with tensors and workers alive, then it ends with its own code',
  (t) => {
    const ops = new URL('../../lib/tensor/ops.js', import.meta.url).href;
    const program = `
    import { Worker } from 'node:worker_threads';
    import { zeros } from ${JSON.stringify(ops)};
    zeros([10]);
    const worker = new Worker(new URL(${JSON.stringify(job.href)}), { workerData: { value: 1, steps: 1e9 } });
    worker.once('online', () => setTimeout(() => process.exit(7), 200));`;
    const file = join(t.testdir({ 'program.mjs': program }), 'program.mjs');
    const { status, signal, stderr } = spawnSync(process.execPath, [file], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    t.same([status, signal, stderr], [7, null, '']);
    t.end();
  },
);

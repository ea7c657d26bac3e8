import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type AssignOptions, assign } from '../../lib/engine/assign.js';
import { fileOf } from '../fixtures/safetensors_bytes.js';
import type { Outcome, Work } from '../fixtures/native_worker.js';

const script = new URL('../fixtures/native_worker.js', import.meta.url);

const work = (request: Work, options: AssignOptions = {}): Promise<Outcome> =>
  assign<Outcome>(script, 'work', request, options);

const endless = { size: 96, steps: 1e9, seed: 1 };

/** What the process holds besides memory: threads, descriptors, and mappings that grow by more than the allocator's. */
function holdings(): { threads: number; descriptors: number; rss: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const number = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    threads: number('Threads'),
    descriptors: readdirSync('/proc/self/fd').length,
    rss: number('VmRSS') / 1024,
  };
}

// The first test, because libtorch is loaded once in a process: both workers find it unloaded.
t.test('when two workers load libtorch and compute at once, then as each does alone', async (t) => {
  const requests = [1, 2].map((seed) => ({ size: 48, steps: 100, seed, threads: 2 }));
  const together = await Promise.all(requests.map((request) => work(request)));
  const alone = [];
  for (const request of requests) alone.push(await work(request));
  t.same(together, alone);
  t.not(together[0]?.gradients[0]?.[0], together[1]?.gradients[0]?.[0]);
  t.equal(together[0]?.count, 2, 'and neither sees the tensors of the other');
});

t.test('when an engine computes, then this thread has its turns', async (t) => {
  const controller = new AbortController();
  let ticks = 0;
  let longest = 0;
  const started = performance.now();
  let last = started;
  const tick = setInterval(() => {
    ticks++;
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const { signal } = controller;
  let events = 0;
  // As long as it takes: what a loaded machine gives to neither thread is nobody's fault.
  const onEvent = (): void => {
    if (++events > 20 && ticks > 100) controller.abort();
  };
  await t.rejects(work(endless, { signal, onEvent }), { code: 'RUN_ABORTED' });
  clearInterval(tick);
  const whole = performance.now() - started;
  t.ok(longest < whole / 2, `the longest wait was ${longest} of ${whole} ms`);
});

t.test('when engines start and stop twenty times, then the process does not grow', async (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  const header = { a: { dtype: 'F32', shape: [256], data_offsets: [0, 1024] } };
  writeFileSync(path, fileOf(header, new Uint8Array(1024)));
  const request = { size: 32, steps: 10, seed: 3, file: path };
  const expected = await work(request);
  for (let i = 0; i < 4; i++) await work(request);
  const before = holdings();
  for (let i = 0; i < 20; i++) {
    const controller = new AbortController();
    const onEvent = (): void => {
      if (i % 3 === 1) controller.abort(); // stopped by the flag
      if (i % 3 === 2) throw new Error('mine'); // terminated in the midst of an operator
    };
    const outcome = work(request, { signal: controller.signal, onEvent });
    if (i % 3 === 0) t.same(await outcome, expected);
    if (i % 3 === 1)
      await outcome.catch((thrown: unknown) => t.match(thrown, { code: 'RUN_ABORTED' }));
    if (i % 3 === 2) await t.rejects(outcome, { message: 'mine' });
  }
  const after = holdings();
  t.same(after.threads, before.threads);
  t.same(after.descriptors, before.descriptors);
  t.ok(after.rss - before.rss < 40, `RSS grew by ${after.rss - before.rss} MiB`);
});

interface Ending {
  how: 'exit' | 'throw' | 'kill';
  from: 'start' | 'work';
  delay: number;
}

/** How a process ended that was to end so, with two engines at work; see fixtures/exit_program.ts. */
function ending({ how, from, delay }: Ending, file: string): Promise<Record<string, unknown>> {
  const program = fileURLToPath(new URL('../fixtures/exit_program.js', import.meta.url));
  const args = [program, how, from, String(delay), String(1 + (delay % 2)), file];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: 60_000 }, (_, stdout, stderr) => {
      const errors = stderr.split('\n').filter((line) => /^Error|terminate|what/.test(line));
      const complaints = how === 'throw' ? errors : stderr;
      const { exitCode: code, signalCode: signal } = child;
      resolve({ code, signal, complaints, worked: Number(stdout) > 0 });
    });
  });
}

const asked = {
  exit: { code: 7, signal: null, complaints: '' },
  throw: { code: 1, signal: null, complaints: ['Error: on purpose'] },
  kill: { code: null, signal: 'SIGTERM', complaints: '' },
} as const;

t.test('when a process ends at any moment of its engines, then as it was asked to', async (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  const header = { a: { dtype: 'F32', shape: [256], data_offsets: [0, 1024] } };
  writeFileSync(path, fileOf(header, new Uint8Array(1024)));
  const hows = ['exit', 'throw', 'exit', 'throw', 'kill'] as const;
  // While threads start, while libtorch loads (100 to 400 ms on an idle machine), and in the midst of operators.
  const moments = [
    ...[0, 40, 90, 130, 180, 230, 290].map((delay) => ({ from: 'start', delay }) as const),
    ...[0, 1, 3, 6, 10, 15, 21].map((delay) => ({ from: 'work', delay }) as const),
  ];
  const cases = moments.map((moment, i) => ({ ...moment, how: hows[i % 5] ?? 'exit' }));
  const next = cases[Symbol.iterator]();
  const tryAll = async (): Promise<void> => {
    for (const given of next) {
      const { worked, ...seen } = await ending(given, path);
      t.same({ ...given, ...seen }, { ...given, ...asked[given.how] });
      if (given.from === 'work') t.ok(worked, 'both engines had computed');
    }
  };
  await Promise.all([tryAll(), tryAll()]);
});

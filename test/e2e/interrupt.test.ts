import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { tinyInput, weightsOf } from '../fixtures/tiny_job.js';

const bin = fileURLToPath(new URL('../../../bin/lorashear-native.js', import.meta.url));

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  text: string;
}

/** Runs the program; `watch` sees each line of its events. */
function cli(
  args: string[],
  watch: (
    event: { type?: string; stage?: string; done?: number },
    child: ChildProcess,
  ) => void = () => undefined,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args]);
    let text = '';
    let rest = '';
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{')) watch(JSON.parse(line) as object, child);
    });
    child.on('close', (code, signal) => resolve({ code, signal, text }));
  });
}

/** A job file for `dir/name`, and the folder of its run. */
function jobFile(dir: string, name: string) {
  const output = join(dir, name);
  const file = `${output}.yaml`;
  writeFileSync(file, JSON.stringify(tinyInput(output)));
  return { output, file };
}

t.test('when a run is killed in any stage, then a resume ends with the same weights', async (t) => {
  const dir = t.testdir({});
  const whole = jobFile(dir, 'whole');
  t.match(await cli(['run', whole.file]), { code: 0 });
  const expected = weightsOf(whole.output);

  for (const stage of [
    'evaluate-dense',
    'knowledge',
    'lhspg',
    'recover-pretraining',
    'recover-instruct',
  ]) {
    const { output, file } = jobFile(dir, stage);
    const killed = await cli(['run', file, '--json'], (event, child) => {
      if (event.type === 'progress' && event.stage === stage) child.kill('SIGKILL');
    });
    t.match(killed, { signal: 'SIGKILL' }, stage);
    t.notOk(existsSync(join(output, `${stage}.json`)), stage);
    const resumed = await cli(['run', '--resume', output]);
    t.match(resumed, { code: 0 }, resumed.text);
    t.equal(weightsOf(output), expected, stage);
    const left = readdirSync(output).filter((name) => /^\.|partial/.test(name));
    t.same(left, [], 'nothing is left beside');
  }
});

t.test(
  'when Ctrl-C is pressed, then the state is saved, the way on is told, and it works',
  async (t) => {
    const { output, file } = jobFile(t.testdir({}), 'run');
    let pressed = false;
    const stopped = await cli(['run', file, '--json'], (event, child) => {
      if (event.type !== 'progress' || event.stage !== 'lhspg' || pressed) return;
      pressed = true;
      child.kill('SIGINT');
    });
    t.equal(stopped.code, 130);
    t.match(stopped.text, `run --resume ${output}`);
    const again = await cli(['run', file, '--resume']);
    t.match(again, { code: 0 }, again.text);
    const third = await cli(['run', file]);
    t.match(third, { code: 9, text: /OUTPUT_OCCUPIED[^]*finished/ });
  },
);

t.test('when Ctrl-C is pressed twice, then the program leaves at once', async (t) => {
  const { file } = jobFile(t.testdir({}), 'run');
  let pressed = 0;
  const left = await cli(['run', file, '--json'], (event, child) => {
    if (event.type !== 'stage-start' || event.stage !== 'evaluate-dense') return;
    pressed = performance.now();
    child.kill('SIGINT');
    setTimeout(() => child.kill('SIGINT'), 5);
  });
  t.equal(left.code, 130);
  t.ok(performance.now() - pressed < 2000);
});

import t from 'tap';
import { cli, jobFile } from '../fixtures/cli_run.js';

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

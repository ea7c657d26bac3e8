import { join } from 'node:path';
import t from 'tap';
import { setupCommand } from '../../lib/cli/setup.js';

/** What was written as JSON; tap writes to the same stream. */
const jsonLines = (calls: readonly { args: unknown[] }[]) =>
  calls.map(({ args }) => String(args[0])).filter((text) => text.startsWith('{'));

t.test('when set-up cannot work, then --json tells the error and it is thrown', async (t) => {
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  process.env['LORASHEAR_LIBTORCH'] = join(t.testdir(), 'none');
  const written = t.capture(process.stdout, 'write', () => true);
  const failing = setupCommand().parseAsync(['--json'], { from: 'user' });
  await t.rejects(failing, { code: 'LIBTORCH_INVALID' });
  const lines = jsonLines(written());
  written.restore();
  t.match(JSON.parse(lines.at(-1)!), { kind: 'error', error: { code: 'LIBTORCH_INVALID' } });
});

t.test(
  'when everything is there, then --quiet-if-ready prints nothing and --json where it is',
  async (t) => {
    const written = t.capture(process.stdout, 'write', () => true);
    await setupCommand().parseAsync(['--quiet-if-ready'], { from: 'user' });
    t.same(jsonLines(written()), []);
    await setupCommand().parseAsync(['--json'], { from: 'user' });
    const lines = jsonLines(written());
    written.restore();
    t.match(JSON.parse(lines.at(-1)!), { kind: 'ready', addon: /lorashear\.node$/ });
  },
);

import { join } from 'node:path';
import t from 'tap';
import { setupCommand } from '../../lib/cli/setup.js';
import { addonPath } from '../../lib/setup/addon_path.js';
import { captureOutput } from './captured_output.js';

const isOurs = (text: string) => text.startsWith('{') || text.startsWith('libtorch');

t.test('when set-up cannot work, then --json tells the error and it is thrown', async (t) => {
  const before = process.env['LORASHEAR_LIBTORCH'];
  const { texts, restore } = captureOutput(isOurs);
  t.teardown(() => {
    restore();
    if (before === undefined) delete process.env['LORASHEAR_LIBTORCH'];
    else process.env['LORASHEAR_LIBTORCH'] = before;
  });
  process.env['LORASHEAR_LIBTORCH'] = join(t.testdir(), 'none');
  const failing = setupCommand().parseAsync(['--json'], { from: 'user' });
  await t.rejects(failing, { code: 'LIBTORCH_INVALID' });
  t.match(JSON.parse(texts.at(-1)!), { kind: 'error', error: { code: 'LIBTORCH_INVALID' } });
});

t.test('when everything is there, then it says where, or nothing at all if so asked', async (t) => {
  if (!addonPath()) throw new Error('this test needs the addon: run `npm run build` first');
  const { texts, restore } = captureOutput(isOurs);
  t.teardown(restore);
  await setupCommand().parseAsync(['--quiet-if-ready'], { from: 'user' });
  t.same(texts, []);
  await setupCommand().parseAsync(['--json'], { from: 'user' });
  t.match(JSON.parse(texts.at(-1)!), { kind: 'ready', addon: /lorashear\.node$/ });
  await setupCommand().parseAsync([], { from: 'user' });
  t.match(texts.at(-1), /^libtorch 2\.\d+.*\naddon .*lorashear\.node\nready\n$/);
});

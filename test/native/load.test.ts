import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { native } from '../../lib/native/load.js';

function withAddon(t: Test, path: string): void {
  const before = process.env['LORASHEAR_ADDON'];
  process.env['LORASHEAR_ADDON'] = path;
  t.teardown(() => {
    if (before === undefined) delete process.env['LORASHEAR_ADDON'];
    else process.env['LORASHEAR_ADDON'] = before;
  });
}

// The first two come before anything has loaded the addon in this process.
t.test('when there is no addon, then NATIVE_NOT_BUILT says what to run', (t) => {
  const path = join(t.testdir({}), 'none.node');
  withAddon(t, path);
  t.throws(() => native(), {
    code: 'NATIVE_NOT_BUILT',
    hint: 'run `npx lorashear-native setup`',
    facts: { path },
  });
  t.end();
});

t.test('when the file is no addon, then NATIVE_LOAD_FAILED names it', (t) => {
  const path = join(t.testdir({}), 'broken.node');
  writeFileSync(path, 'this is no library');
  withAddon(t, path);
  t.throws(() => native(), {
    code: 'NATIVE_LOAD_FAILED',
    hint: 'run `npx lorashear-native setup --rebuild`',
    message: new RegExp(`broken\\.node does not load`),
    cause: Error,
  });
  t.end();
});

t.test('when it loads, then every call gives the same addon', (t) => {
  t.equal(native(), native());
  t.match(native().versions().libtorch, /^2\.\d+/);
  t.end();
});

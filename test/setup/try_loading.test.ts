import { join } from 'node:path';
import t from 'tap';
import { addonPath } from '../../lib/setup/addon_path.js';
import { tryLoading } from '../../lib/setup/try_loading.js';

t.test('when the file is no addon or is missing, then the linker’s words come back', async (t) => {
  const root = t.testdir({ 'a.node': 'text' });
  t.match(await tryLoading(join(root, 'a.node')), { ok: false, message: /a\.node/ });
  t.match(await tryLoading(join(root, 'none.node')), { ok: false, message: /none\.node/ });
});

t.test('when the built addon is loaded, then it tells its libtorch', async (t) => {
  const path = addonPath();
  if (!path) throw new Error('this test needs the addon: node scripts/bootstrap.mjs');
  t.match(await tryLoading(path), { ok: true, versions: { libtorch: /^2\.\d+/ } });
});

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { addonPath } from '../../lib/setup/addon_path.js';
import { findBuildTools } from '../../lib/setup/machine.js';
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

t.test('when it is built for another Node, then the message says which', async (t) => {
  const compiler = findBuildTools().compiler;
  if (!compiler) throw new Error('this test needs a C++ compiler, as the addon does');
  // An addon of before Node-API carries the number of the one Node it is for; 1 is none of today.
  const root = t.testdir({
    'old.c': `
struct module { int version; unsigned flags; void* handle; const char* file; void* init;
                void* context_init; const char* name; void* data; void* next; };
static struct module self = {1, 0, 0, "old.c", 0, 0, "old", 0, 0};
extern void node_module_register(void*);
__attribute__((constructor)) static void start(void) { node_module_register(&self); }`,
  });
  const path = join(root, 'old.node');
  execFileSync(compiler, ['-x', 'c', '-shared', '-fPIC', '-o', path, join(root, 'old.c')]);
  t.match(await tryLoading(path), {
    ok: false,
    message: /different Node\.js version[^]*NODE_MODULE_VERSION 1\b/,
  });
});

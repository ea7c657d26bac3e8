// Builds the addon by node-gyp into build-gyp/ against the libtorch that set-up chose, and runs the native tests with it.
//   node scripts/build_gyp.mjs [--test]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chosenLibtorch } from '../dist/lib/setup/locate.js';
import { tryLoading } from '../dist/lib/setup/try_loading.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const libtorch = chosenLibtorch();
if (!libtorch) throw new Error('no libtorch: run `npx lorashear-native setup` first');

// node-gyp builds into ./build and nowhere else; a folder of its own keeps it apart from cmake-js.
const folder = join(root, 'build-gyp');
mkdirSync(folder, { recursive: true });
for (const name of ['binding.gyp', 'native']) {
  if (!existsSync(join(folder, name))) symlinkSync(join('..', name), join(folder, name));
}
const gyp = join(
  dirname(createRequire(import.meta.url).resolve('node-gyp/package.json')),
  'bin',
  'node-gyp.js',
);
// Headers installed beside Node spare node-gyp a download.
const prefix = join(dirname(process.execPath), '..');
const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  ? [`--nodedir=${prefix}`]
  : [];
for (const verb of ['configure', 'build']) {
  const { status } = spawnSync(
    process.execPath,
    [gyp, verb, ...headers, '--loglevel=warn', '-j', 'max'],
    {
      cwd: folder,
      env: { ...process.env, LORASHEAR_LIBTORCH: libtorch.folder },
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}
const addon = join(folder, 'build', 'Release', 'lorashear.node');
const outcome = await tryLoading(addon);
if (!outcome.ok) throw new Error(`${addon} does not load: ${outcome.message}`);
console.log(`${addon} loads: libtorch ${outcome.versions.libtorch}`);

if (process.argv.includes('--test')) {
  const folders = ['native', 'tensor', 'checkpoint', 'nn'];
  const { status } = spawnSync(process.execPath, ['scripts/run_tests.mjs', ...folders], {
    cwd: root,
    env: { ...process.env, LORASHEAR_ADDON: addon },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}

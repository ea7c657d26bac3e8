// Builds the addon by node-gyp into build-gyp/ against the libtorch that set-up chose, and runs the native tests with it.
//   node scripts/build_gyp.mjs [--test]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
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
nodeGyp('configure');
nodeGyp('build', precompiled());
const addon = join(folder, 'build', 'Release', 'lorashear.node');
const outcome = await tryLoading(addon);
if (!outcome.ok) throw new Error(`${addon} does not load: ${outcome.message}`);
console.log(`${addon} loads: libtorch ${outcome.versions.libtorch}`);

if (process.argv.includes('--test')) {
  // What speaks to the addon itself; the rest is TypeScript, which `npm test` has tested.
  const folders = [
    'native',
    'tensor',
    'checkpoint/safetensors.test.js',
    'checkpoint/weights.test.js',
  ];
  const { status } = spawnSync(process.execPath, ['scripts/run_tests.mjs', ...folders], {
    cwd: root,
    env: { ...process.env, LORASHEAR_ADDON: addon },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}

function nodeGyp(verb, env = {}) {
  const { status } = spawnSync(
    process.execPath,
    [gyp, verb, ...headers, '--loglevel=warn', '-j', 'max'],
    {
      cwd: folder,
      env: { ...process.env, ...env, LORASHEAR_LIBTORCH: libtorch.folder },
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * libtorch's headers, compiled once with the very flags of binding.gyp (as CMake does), and the environment that makes
 * every source begin with them. gyp has no such thing for make; without it each of 50 sources parses them.
 */
function precompiled() {
  const build = join(folder, 'build');
  const object = 'Release/obj.target/lorashear/native/addon.o';
  // -W: as if it had changed, so that its command is told also when it was built before.
  const source = '../native/addon.cc';
  const dry = ['-C', build, '-n', '-W', source, 'BUILDTYPE=Release', 'V=1', object];
  const { stdout } = spawnSync('make', dry, { encoding: 'utf8' });
  const command = stdout
    ?.split('\n')
    .find((line) => /^\s*\S+ -o \S+ \S*native\/addon\.cc /.test(line));
  if (!command) return {}; // no GNU make: each source reads the headers
  const header = join(build, 'precompiled.h');
  writeFileSync(header, '#include <ATen/ATen.h>\n#include <torch/library.h>\n#include <napi.h>\n');
  const own = command
    .replace(/ -o \S+ \S*native\/addon\.cc /, ` -x c++-header -o '${header}.gch' '${header}' `)
    .replace(/ -MMD -MF \S+/, '');
  const { status } = spawnSync('sh', ['-c', own], { cwd: build, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  return { CXXFLAGS: `${process.env.CXXFLAGS ?? ''} -include ${header} -Winvalid-pch` };
}

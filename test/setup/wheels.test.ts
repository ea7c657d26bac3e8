import t from 'tap';
import { libtorchVersion, pipPlatforms, wheelsFor } from '../../lib/setup/wheels.js';

const platforms = ['linux-x64', 'linux-arm64'] as const;

t.test('when the CPU set is asked for, then it is torch, cudart and CUPTI', (t) => {
  for (const platform of platforms) {
    const names = wheelsFor(platform, 'cpu').map(({ name }) => name);
    t.same(names, ['torch', 'nvidia-cuda-runtime', 'nvidia-cuda-cupti']);
  }
  t.end();
});

t.test('when any set is asked for, then every wheel is pinned completely', (t) => {
  for (const platform of platforms) {
    const wheels = wheelsFor(platform, 'cuda');
    t.equal(wheels.length, 16);
    t.equal(wheels[0]?.version, libtorchVersion);
    for (const { name, version, sha256, megabytes } of wheels) {
      t.match(name, /^(torch|nvidia-[a-z0-9-]+)$/);
      t.match(version, /^\d+(\.\d+)+$/);
      t.match(sha256, /^[0-9a-f]{64}$/);
      t.ok(megabytes > 0 && megabytes < 1000, `${name} ${megabytes} MB`);
    }
    t.equal(new Set(wheels.map(({ sha256 }) => sha256)).size, wheels.length, 'no hash twice');
  }
  t.end();
});

t.test('when the platforms differ, then so do their hashes and tags', (t) => {
  const [x64, arm64] = platforms.map((platform) => wheelsFor(platform, 'cuda'));
  for (const [i, wheel] of x64!.entries()) t.not(wheel.sha256, arm64![i]!.sha256, wheel.name);
  t.ok(pipPlatforms('linux-x64').includes('manylinux_2_28_x86_64'));
  t.ok(pipPlatforms('linux-arm64').every((tag) => tag.endsWith('_aarch64')));
  t.end();
});

// Our loops are compiled for several instruction sets; each must pass the tests of the operators.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const file = fileURLToPath(new URL('./kernels.test.js', import.meta.url));

for (const capability of ['avx2', 'default']) {
  t.test(
    `when libtorch is held to ${capability}, then our operators hold the same equations`,
    (t) => {
      const env = { ...process.env, ATEN_CPU_CAPABILITY: capability };
      const { status, stdout } = spawnSync(process.execPath, [file], { env, encoding: 'utf8' });
      t.equal(
        status,
        0,
        stdout
          .split('\n')
          .filter((line) => line.includes('not ok'))
          .join('\n'),
      );
      t.ok(stdout.includes('float64 agree'), 'the tests ran');
      t.end();
    },
  );
}

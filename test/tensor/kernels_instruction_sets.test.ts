// Our loops are compiled for several instruction sets; each must pass the tests of the operators.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const files = {
  slices: './kernels.test.js',
  columns: './kernels_columns.test.js',
  rows: './fused.test.js',
  gradients: './fused_gradients.test.js',
  'low rank': './lora_linear.test.js',
  losses: './linear_cross_entropy.test.js',
};
const cases = Object.entries(files).flatMap(([name, file]) =>
  ['avx2', 'default'].map((capability) => ({ name, file, capability })),
);

for (const { name, file: url, capability } of cases) {
  const file = fileURLToPath(new URL(url, import.meta.url));
  t.test(
    `when libtorch is held to ${capability}, then our operators hold the same equations on ${name}`,
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
      t.ok(/float64|float16/.test(stdout), 'the tests ran');
      t.end();
    },
  );
}

// Our loops are compiled for several instruction sets; each must pass the tests of the operators.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const files = {
  slices: './kernels.test.js',
  columns: './kernels_columns.test.js',
  rows: './fused.test.js',
  gradients: './fused_gradients.test.js',
  'LoRA layers': './lora_linear.test.js',
  'low rank': './low_rank.test.js',
  losses: './linear_cross_entropy.test.js',
  deviations: './deviations.test.js',
  attention: './causal_attention.test.js',
  'many rows': './linear_of_many_rows.test.js',
};
const held = Object.entries(files).flatMap(([name, file]) =>
  ['avx2', 'default'].map((capability) => ({
    ...{ name, file, env: { ATEN_CPU_CAPABILITY: capability } },
    by: `libtorch is held to ${capability}`,
  })),
);
/** Products of blocks: without tiles, and without bf16. */
const withoutTiles = ['AVX512_CORE_BF16', 'AVX2'].map((isa) => ({
  ...{ name: 'attention', file: files.attention, env: { ONEDNN_MAX_CPU_ISA: isa } },
  by: `oneDNN is held to ${isa}`,
}));

for (const { name, file: url, env: set, by } of [...held, ...withoutTiles]) {
  const file = fileURLToPath(new URL(url, import.meta.url));
  t.test(`when ${by}, then our operators hold the same equations on ${name}`, (t) => {
    const env = { ...process.env, ...set };
    const { status, stdout } = spawnSync(process.execPath, [file], { env, encoding: 'utf8' });
    t.equal(
      status,
      0,
      stdout
        .split('\n')
        .filter((line) => line.includes('not ok'))
        .join('\n'),
    );
    t.ok(/float64|float16|float32/.test(stdout), 'the tests ran');
    t.end();
  });
}

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import * as door from '../../lib/tensor/index.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs a program that sees the package as its users do, by name. */
function runProgram(text: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

t.test('when the example of docs/memory.md is run, then it trains and leaves one handle', (t) => {
  const page = readFileSync(new URL('../../../docs/memory.md', import.meta.url), 'utf8');
  const example = /^```js\n(.*?)^```$/ms.exec(page)?.[1] ?? '';
  t.match(example, "from 'lorashear-native/tensor'");
  const printed = runProgram(example);
  // softplus'(z) = σ(z) > 0 pulls z = x·w down: w₀ and w₁ fall.
  const [, first = '0', second = '0', count, bytes] =
    /\[ (-[\d.]+), (-[\d.]+) \] (\d+) (\d+)/.exec(printed) ?? [];
  t.ok(Number(first) < 0.5 && Number(second) < -0.5, printed);
  t.same([count, bytes], ['2', '24'], 'x and the weight');
  t.end();
});

t.test(
  'when the package is imported by name, then its tensor door has all that it promises',
  (t) => {
    const names = [
      ...['op', 'opMany', 'opVoid', 'ops', 'Tensor', 'fromTypedArray', 'tensorFrom', 'floatTensor'],
      ...['longTensor', 'scoped', 'keep', 'tensorCount', 'tensorBytes', 'memoryStatistics'],
      ...['resetPeakMemory', 'noGrad', 'enableGrad', 'backward', 'grad', 'clearGrads'],
      ...['randomStream', 'dtypes', 'dtypeCode'],
    ];
    for (const name of names) t.ok(name in door, name);
    const seen = runProgram(`
    import * as door from 'lorashear-native/tensor';
    import { LoraShearError } from 'lorashear-native';
    const x = door.ops.zeros([2]);
    x.dispose();
    try { x.item(); } catch (e) { console.log(e instanceof LoraShearError, e.code); }
    console.log(Object.keys(door).sort().join());
  `);
    t.equal(seen, `true TENSOR_DISPOSED\n${Object.keys(door).sort().join()}\n`);
    t.end();
  },
);

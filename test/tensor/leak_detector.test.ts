import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs `body` with everything of the tensor door in scope, collects garbage, and gives what stderr said. */
function stderrOf(body: string, leaks?: string): string {
  const program = `
    import { floatTensor, grad, keep, ops, scoped, tensorCount } from 'lorashear-native/tensor';
    ${body}
    for (let i = 0; i < 10; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  `;
  const { LORASHEAR_LEAKS: _, ...env } = process.env;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-'],
    {
      cwd: root,
      input: program,
      encoding: 'utf8',
      env: leaks === undefined ? env : { ...env, LORASHEAR_LEAKS: leaks },
    },
  );
  if (status !== 0) throw new Error(stderr);
  return stderr;
}

const loses = `
  function loser() { ops.zeros([2, 3]); }
  function another() { scoped(() => void keep(floatTensor([1], [1]))); }
  for (let i = 0; i < 5; i++) { loser(); another(); }
`;

t.test(
  'when tensors are lost, then each place that made them is told once, with its stack',
  (t) => {
    const told = stderrOf(loses, '1');
    const reports = told.split(/^(?=lorashear-native: leaked)/m);
    t.equal(reports.length, 2, told);
    const made = 'on cpu: collected, its handle was never freed; made\n +at';
    t.match(told, new RegExp(`leaked float32\\(2×3\\) ${made} loser \\(`));
    t.match(
      told,
      new RegExp(`leaked float32\\(1\\) ${made} .*eval1`),
      'the caller’s frame is first',
    );
    t.match(told, /^ +at another /m);
    t.end();
  },
);

t.test('when every tensor has an owner or an end, then nothing is told', (t) => {
  const told = stderrOf(
    `
    const owned = keep(ops.zeros([4]));
    (() => {
      ops.zeros([1]).dispose();
      const made = scoped(() => { const x = ops.zeros([2]); ops.add(x, x); return ops.neg(x); });
      made.dispose();
      try { scoped(() => { ops.zeros([3]); throw new Error('within'); }); } catch {}
    })();
    globalThis.owned = owned;
    `,
    '1',
  );
  t.equal(told, '');
  t.end();
});

t.test('when a scope is open, then what it owns is not lost', (t) => {
  const told = stderrOf(
    `scoped(() => {
      (() => void ops.zeros([2]))();
      for (let i = 0; i < 5; i++) globalThis.gc();
    });`,
    '1',
  );
  t.equal(told, '');
  t.end();
});

t.test('when it is not asked for, then it is off', (t) => {
  t.equal(stderrOf(loses), '');
  t.equal(stderrOf(loses, '0'), '');
  t.end();
});

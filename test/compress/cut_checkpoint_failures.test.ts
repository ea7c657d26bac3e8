// A streamed cut that cannot end leaves what was there: aborted, killed, on a full disk, or refused.
import { spawnSync } from 'node:child_process';
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { cutCheckpoint } from '../../lib/compress/cut_checkpoint.js';
import { createContext } from '../../lib/context.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { contentsOf, familyCopy } from '../fixtures/cut_folders.js';
import { familyFolder } from '../fixtures/families.js';
import { configOf } from '../fixtures/family_units.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';

const kinds = ['attention_heads', 'mlp_channels'] as const;
const groups = structuresOf({ config: configOf('llama') }, kinds);
const dense = familyFolder('llama');
const program = fileURLToPath(new URL('../fixtures/cut_program.js', import.meta.url));

t.test('when it is aborted at any block, then the last good folder stays and nothing else', (t) => {
  const root = t.testdir({});
  const out = join(root, 'out');
  const before = tensorCount();
  cutCheckpoint(createContext(), dense, groups, someUnits(groups, kinds, 1), out);
  const good = contentsOf(out);
  let blocks = 0;
  const counting = createContext({ aborted: () => (blocks++, false) });
  cutCheckpoint(counting, dense, groups, someUnits(groups, kinds, 1), out);
  t.ok(blocks > 10, `${blocks} blocks`);
  for (const at of [1, 7, blocks]) {
    let left = at;
    const ctx = createContext({ aborted: () => --left === 0 });
    t.throws(() => cutCheckpoint(ctx, dense, groups, someUnits(groups, kinds, 2), out), {
      code: 'RUN_ABORTED',
    });
    t.same(contentsOf(out), good);
    t.same(readdirSync(root), ['out']);
  }
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when it is killed, then there is no folder, and the next cut clears what is left', (t) => {
  const root = t.testdir({});
  const out = join(root, 'out');
  const { signal } = spawnSync(process.execPath, [program, out, '9']);
  t.equal(signal, 'SIGKILL');
  t.notOk(readdirSync(root).includes('out'));
  cutCheckpoint(createContext(), dense, groups, someUnits(groups, kinds, 1), out);
  t.same(readdirSync(root), ['out']);
  loadModel(out).dispose();
  t.end();
});

t.test(
  'when the disk takes no more, then the error says so and the last good folder stays',
  (t) => {
    const root = t.testdir({});
    const out = join(root, 'out');
    cutCheckpoint(createContext(), dense, groups, someUnits(groups, kinds, 2), out);
    const good = contentsOf(out);
    // No file may grow beyond 8 KiB: a write fails in the middle of the weights.
    const command = `trap '' XFSZ; ulimit -f 16; exec "$0" "$@"`;
    const { stdout } = spawnSync('sh', ['-c', command, process.execPath, program, out], {
      encoding: 'utf8',
    });
    t.match(stdout, /^OUTPUT_FAILED: .*EFBIG/);
    t.same(contentsOf(out), good);
    t.same(readdirSync(root), ['out']);
    t.end();
  },
);

t.test('when folder or units are wrong, then there is one typed error and no folder', (t) => {
  const root = t.testdir({});
  const out = join(root, 'out');
  const [heads] = groups.groups.filter(({ kind }) => kind === 'attention_heads');
  const cut = (dir: string, removed: ReadonlyMap<string, readonly number[]>, partition = groups) =>
    cutCheckpoint(createContext(), dir, partition, removed, out);
  t.throws(() => cut(dense, new Map([['no.such', [0]]])), { code: 'PARTITION_INVALID' });
  t.throws(() => cut(dense, new Map([[heads!.id, [0, 99]]])), { code: 'PARTITION_INVALID' });
  t.throws(() => cut(join(root, 'nowhere'), new Map()), { code: 'CHECKPOINT_NOT_FOUND' });
  t.throws(() => cut(familyFolder('gpt2'), someUnits(groups, kinds, 1)), {
    code: /PARTITION_INVALID|CHECKPOINT_INVALID/,
  });
  const short = familyCopy('llama', join(root, 'short'), 'float32');
  t.throws(() => cutCheckpoint(createContext(), short, groups, new Map(), short), {
    code: 'OUTPUT_OCCUPIED',
  });
  // Cut short once the header was read.
  let blocks = 0;
  const ctx = createContext({
    aborted() {
      if (++blocks === 3) truncateSync(join(short, 'model.safetensors'), 9000);
      return false;
    },
  });
  t.throws(() => cutCheckpoint(ctx, short, groups, someUnits(groups, kinds, 1), out), {
    code: 'SAFETENSORS_INVALID',
    facts: { rule: 'FileChanged' },
  });
  t.same(readdirSync(root), ['short']);
  t.end();
});

t.test('when config.json names no type or another, then the one of the tensors is written', (t) => {
  const root = t.testdir({});
  const dir = familyCopy('llama', join(root, 'dense'), 'bfloat16');
  const { config } = cutCheckpoint(
    createContext(),
    dir,
    groups,
    someUnits(groups, kinds, 1),
    join(root, 'out'),
    { maxShardBytes: 5000 },
  );
  t.equal(config['dtype'], 'bfloat16');
  t.ok(readdirSync(join(root, 'out')).length > 4, 'shards');
  t.end();
});

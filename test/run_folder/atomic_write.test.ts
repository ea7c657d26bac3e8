import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writeAtomic, writeJson } from '../../lib/run_folder/atomic_write.js';

t.test(
  'when a file is written, then it is replaced whole and nothing lies beside it',
  async (t) => {
    const dir = t.testdir({ a: 'old and longer' });
    writeAtomic(join(dir, 'a'), 'new');
    t.equal(readFileSync(join(dir, 'a'), 'utf8'), 'new');
    t.same(readdirSync(dir), ['a']);
  },
);

t.test(
  'when the file cannot be replaced, then OUTPUT_FAILED and the old content stays',
  async (t) => {
    const dir = t.testdir({});
    mkdirSync(join(dir, 'a', 'b'), { recursive: true });
    t.throws(() => writeAtomic(join(dir, 'a'), 'new'), { code: 'OUTPUT_FAILED' });
    t.throws(() => writeAtomic(join(dir, 'no', 'a'), 'new'), { code: 'OUTPUT_FAILED' });
    t.same(readdirSync(dir), ['a']);
  },
);

t.test('when JSON would lose a number, then it is refused', async (t) => {
  const dir = t.testdir({ 'a.json': 'old' });
  for (const value of [NaN, Infinity]) {
    t.throws(() => writeJson(join(dir, 'a.json'), { x: [value] }), TypeError);
  }
  t.equal(readFileSync(join(dir, 'a.json'), 'utf8'), 'old');
  writeJson(join(dir, 'a.json'), { x: 1 });
  t.equal(readFileSync(join(dir, 'a.json'), 'utf8'), '{\n  "x": 1\n}\n');
});

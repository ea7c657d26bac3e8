import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readTextFile } from '../../lib/data/text_file.js';

t.test('when a file is text, then it is read whole; else it is said what it is', async (t) => {
  const dir = t.testdir({ 'a.txt': 'é\n', 'b.txt': Buffer.from([0xff, 0x41]) });
  t.equal(await readTextFile(join(dir, 'a.txt')), 'é\n');
  await t.rejects(readTextFile(join(dir, 'b.txt')), { code: 'DATA_INVALID' });
  await t.rejects(readTextFile(join(dir, 'c.txt')), { code: 'DATA_NOT_FOUND' });
  await t.rejects(readTextFile(dir), { code: 'DATA_NOT_FOUND', message: /is no file/ });
  await t.rejects(readTextFile(join(dir, 'a.txt', 'b')), { code: 'DATA_NOT_FOUND' });
  await t.rejects(readTextFile(join(dir, 'x'.repeat(300))), {
    code: 'DATA_NOT_FOUND',
    message: /ENAMETOOLONG/,
  });
  symlinkSync('circle', join(dir, 'circle'));
  await t.rejects(readTextFile(join(dir, 'circle')), { code: 'DATA_NOT_FOUND', message: /ELOOP/ });
});

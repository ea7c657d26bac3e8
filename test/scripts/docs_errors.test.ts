import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { errorCodes } from '../../lib/errors.js';
import { errorsText } from '../../scripts/docs_errors.js';

t.test('when a code is added, then docs/errors.md is made again', async (t) => {
  const path = fileURLToPath(new URL('../../../docs/errors.md', import.meta.url));
  const text = await errorsText();
  t.equal(readFileSync(path, 'utf8'), text, 'run `node dist/scripts/docs_errors.js`');
  for (const code of Object.keys(errorCodes)) t.match(text, `\`${code}\``);
});

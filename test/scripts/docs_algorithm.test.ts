import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = new URL('../../../', import.meta.url);
const here = (path: string): string => fileURLToPath(new URL(path, root));

t.test('when docs/algorithm.md names a file or folder, then it is there', (t) => {
  const text = readFileSync(here('docs/algorithm.md'), 'utf8');
  const named = Array.from(text.matchAll(/`((?:lib|test|native|docs|scripts)\/[^` ]+)`/g)).map(
    ([, path = '']) => path,
  );
  t.ok(named.length > 40, `${named.length} are named`);
  for (const path of named) t.ok(existsSync(here(path)), path);
  const rows = text.split('\n').filter((line) => /^\| (?!paper|-)/.test(line));
  for (const row of rows) {
    const [, paper = '', code = '', tests = ''] = row.split('|');
    t.match(code, /`(lib|native)\//, `${paper}: where it is`);
    t.match(tests, /`test\//, `${paper}: what proves it`);
  }
  t.end();
});

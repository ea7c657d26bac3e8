import { join } from 'node:path';
import t from 'tap';
import { text } from '../../lib/data/text.js';

async function passages(file: string) {
  const result: { value: string; where: string }[] = [];
  for await (const { value, where } of text.records(file, {})) {
    result.push({ value: value as string, where });
  }
  return result;
}

t.test('when a text is short, then it is one document', async (t) => {
  const dir = t.testdir({ 'a.txt': '\nFirst paragraph,\nstill first.\n\nSecond.\n' });
  t.strictSame(await passages(join(dir, 'a.txt')), [
    { value: 'First paragraph,\nstill first.\n\nSecond.', where: 'lines 1-5' },
  ]);
});

t.test('when a text is long, then documents end between paragraphs and lose nothing', async (t) => {
  const paragraphs = Array.from({ length: 100 }, (_, i) => `${i} ${'word '.repeat(40)}end.`);
  const dir = t.testdir({ 'book.txt': paragraphs.join('\n\n') });
  const found = await passages(join(dir, 'book.txt'));
  t.ok(
    found.length >= 4 && found.length <= 6,
    `${found.length} passages of at least 4096 characters`,
  );
  t.equal(found.map(({ value }) => value).join('\n\n'), paragraphs.join('\n\n'));
});

t.test('when there are no blank lines, then documents end at lines', async (t) => {
  const lines = Array.from({ length: 1000 }, (_, i) => `${i} ${'word '.repeat(10)}.`);
  const dir = t.testdir({ 'lines.txt': lines.join('\n') });
  const found = await passages(join(dir, 'lines.txt'));
  t.ok(found.length > 2);
  t.equal(found.map(({ value }) => value).join('\n'), lines.join('\n'));
});

t.test('when there is only white space, then there is no document', async (t) => {
  const dir = t.testdir({ 'a.txt': ' \n\n\t\n' });
  t.strictSame(await passages(join(dir, 'a.txt')), []);
});

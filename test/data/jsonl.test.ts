import { join } from 'node:path';
import t from 'tap';
import { jsonl } from '../../lib/data/jsonl.js';

async function records(file: string) {
  const result = [];
  for await (const record of jsonl.records(file, {})) result.push(record);
  return result;
}

t.test('when lines hold JSON, then each is a record and blank lines are passed over', async (t) => {
  const dir = t.testdir({ 'a.jsonl': '{"text":"a"}\r\n\n"b"\n{"text":"c"}' });
  t.strictSame(await records(join(dir, 'a.jsonl')), [
    { value: { text: 'a' }, where: 'line 1' },
    { value: 'b', where: 'line 3' },
    { value: { text: 'c' }, where: 'line 4' },
  ]);
});

t.test('when a line is no JSON, then its number is given', async (t) => {
  const dir = t.testdir({ 'a.jsonl': '{"text":"a"}\n{"text":\n' });
  await t.rejects(records(join(dir, 'a.jsonl')), {
    code: 'DATA_INVALID',
    message: /a\.jsonl, line 2, is not JSON/,
    facts: { line: 2 },
  });
});

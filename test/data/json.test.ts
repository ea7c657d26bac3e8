import { join } from 'node:path';
import t from 'tap';
import { json } from '../../lib/data/json.js';

async function records(file: string) {
  const result = [];
  for await (const record of json.records(file, {})) result.push(record);
  return result;
}

t.test('when a file holds an array, then each entry is a record', async (t) => {
  const dir = t.testdir({ 'a.json': '\uFEFF[{"text": "a"},\n "b"]' });
  t.strictSame(await records(join(dir, 'a.json')), [
    { value: { text: 'a' }, where: 'entry 0' },
    { value: 'b', where: 'entry 1' },
  ]);
});

t.test('when a file holds something else, then it is refused', async (t) => {
  const dir = t.testdir({ 'cut.json': '[{"text": "a"', 'object.json': '{"version": 1}' });
  const invalid = (message: RegExp) => ({ code: 'DATA_INVALID', message, hint: String });
  await t.rejects(records(join(dir, 'cut.json')), invalid(/cut\.json is not JSON/));
  await t.rejects(records(join(dir, 'object.json')), invalid(/holds no JSON array/));
});

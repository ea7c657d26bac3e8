import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { jobSchemaText } from '../../scripts/job_schema.js';

t.test('when keys of a job change, then docs/job.schema.json is made again', async (t) => {
  const path = fileURLToPath(new URL('../../../docs/job.schema.json', import.meta.url));
  const text = await jobSchemaText();
  t.equal(readFileSync(path, 'utf8'), text, 'run `node dist/scripts/job_schema.js`');
  const schema = JSON.parse(text) as { required: string[]; additionalProperties: boolean };
  t.same(schema.required, ['model']);
  t.equal(schema.additionalProperties, false);
});

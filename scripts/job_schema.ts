// Writes docs/job.schema.json, by which editors complete and check job files: `node dist/scripts/job_schema.js`.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { z } from 'zod';
import { jobFileSchema } from '../lib/config/schema.js';

/** The JSON Schema of a job file, as the file holds it. */
export async function jobSchemaText(): Promise<string> {
  const { $schema, ...schema } = z.toJSONSchema(jobFileSchema, { io: 'input' });
  const described = {
    $schema,
    title: 'lorashear-native job',
    description: 'A job of `lorashear-native run`. Relative paths start at the job file.',
    ...schema,
  };
  return format(JSON.stringify(described), { parser: 'json', printWidth: 100 });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(resolve('docs/job.schema.json'), await jobSchemaText());
}

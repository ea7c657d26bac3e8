import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Job, lhspgForms } from '../../lib/config/job.js';
import { parseJob } from '../../lib/config/parse_job.js';

const parse = (form?: string): Job =>
  parseJob({
    model: 'm',
    sources: { web: 'w' },
    ...(form === undefined ? {} : { lhspg: { form } }),
  });

t.test('when a form is listed, then a job may ask for it, and for no other', async (t) => {
  for (const form of lhspgForms) t.equal(parse(form).lhspg.form, form);
  for (const form of ['one_shot', 'Paper', '', 'none']) {
    t.throws(() => parse(form), {
      code: 'CONFIG_INVALID',
      facts: { problems: [{ path: 'lhspg.form' }] },
    });
  }
  t.ok(lhspgForms.includes(parse().lhspg.form), 'the default is one of them');
});

t.test('when a form is listed, then the published schema has it', async (t) => {
  const path = fileURLToPath(new URL('../../../docs/job.schema.json', import.meta.url));
  const text = readFileSync(path, 'utf8');
  const forms = (
    JSON.parse(text) as { properties: { lhspg: { properties: { form: { enum: string[] } } } } }
  ).properties.lhspg.properties.form.enum;
  t.same(forms, lhspgForms);
});

t.test('when a job is complete, then it survives the manifest as it is', async (t) => {
  for (const form of lhspgForms) {
    const job = parse(form);
    t.same(JSON.parse(JSON.stringify(job)), job);
  }
});

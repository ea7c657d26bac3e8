import t from 'tap';
import { jobInputOf } from '../../lib/config/job_input.js';
import { parseJob } from '../../lib/config/parse_job.js';

t.test('when a job is written out and read again, then it is the same job', (t) => {
  for (const more of [
    {},
    { steps: 20, batch_size: 4, sequence_length: 32, instruct: { path: 'a.json' }, threads: 2 },
    { lhspg: { form: 'paper', saliency: { magnitude: 0.5, wanda: 0.5 }, epsilon: 0.5 } },
    { cut: { allocation: 'global', engines: [] }, export: { form: 'per-layer' } },
    { evaluation: { tasks: ['boolq'], data_dir: 'hub' }, knowledge: { ratios: [0.5] } },
  ]) {
    const job = parseJob({ model: 'm', sources: { a: 'x', b: 'y' }, ...more });
    t.strictSame(parseJob(jobInputOf(job)), job, JSON.stringify(more));
    t.equal(parseJob(jobInputOf(job), { overrides: ['ratio=0.7'] }).ratio, 0.7);
  }
  t.end();
});

t.test('when the cut and the export contradict each other, then the job is refused', (t) => {
  const make = (more: object) => () => parseJob({ model: 'm', sources: { a: 'x' }, ...more });
  t.throws(make({ cut: { allocation: 'global' } }), {
    code: 'CONFIG_INVALID',
    message: /cut\.allocation is global, which leaves layers of different sizes/,
  });
  const padded = { export: { form: 'padded' } };
  t.throws(make({ cut: { allocation: 'kind', kv_heads: 1 }, ...padded }), {
    code: 'CONFIG_INVALID',
    message: /cut\.kv_heads/,
  });
  t.doesNotThrow(make({ cut: { allocation: 'kind' }, ...padded }));
  t.end();
});

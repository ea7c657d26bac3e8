import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadJob } from '../../lib/config/load_job.js';

t.test('when the file is a job, then its paths start beside it', async (t) => {
  const dir = t.testdir({
    'job.yaml': 'model: m # the model\nsources:\n  web: data/web\nratio: 0.5\n',
    data: {},
  });
  const job = loadJob(join(dir, 'job.yaml'), ['seed=7']);
  t.match(job, { model: join(dir, 'm'), ratio: 0.5, seed: 7 });
  t.equal(job.sources[0]?.path, join(dir, 'data/web'));
});

t.test('when the bundled example is loaded, then it is a job', async (t) => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  t.equal(loadJob(join(root, 'examples/quickstart/job.yaml')).ratio, 0.2);
});

t.test(
  'when the file is missing, no YAML, not UTF-8 or says too little, then CONFIG_INVALID',
  async (t) => {
    const dir = t.testdir({
      'broken.yaml': 'model: [a\nb: c',
      'twice.yaml': 'model: a\nmodel: b\n',
      'latin.yaml': Buffer.from('model: caf\xe9', 'latin1'),
      'empty.yaml': '',
      'little.yaml': 'model: m\n',
    });
    for (const name of [
      'no.yaml',
      'broken.yaml',
      'twice.yaml',
      'latin.yaml',
      'empty.yaml',
      'little.yaml',
    ]) {
      const file = join(dir, name);
      t.throws(() => loadJob(file), { code: 'CONFIG_INVALID', message: file }, name);
    }
  },
);

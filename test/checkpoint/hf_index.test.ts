import { join } from 'node:path';
import t from 'tap';
import { weightFiles } from '../../lib/checkpoint/hf_index.js';

t.test(
  'when there is one file, then it is that; when there is an index, then its shards once',
  (t) => {
    const dir = t.testdir({
      single: { 'model.safetensors': '' },
      sharded: {
        'model.safetensors.index.json': JSON.stringify({
          weight_map: { c: 's2', a: 's1', b: 's1' },
        }),
        s1: '',
        s2: '',
        s3: '',
      },
    });
    t.same(weightFiles(join(dir, 'single')), [join(dir, 'single', 'model.safetensors')]);
    t.same(
      weightFiles(join(dir, 'sharded')),
      ['s1', 's2'].map((file) => join(dir, 'sharded', file)),
    );
    t.end();
  },
);

t.test('when a folder has no weights that we read, then the error names what it has', (t) => {
  const dir = t.testdir({ empty: { 'notes.txt': '' }, pickled: { 'consolidated.00.pth': '' } });
  t.throws(() => weightFiles(join(dir, 'empty')), {
    code: 'CHECKPOINT_NOT_FOUND',
    facts: { files: ['notes.txt'] },
  });
  t.throws(() => weightFiles(join(dir, 'missing')), { code: 'CHECKPOINT_NOT_FOUND' });
  t.throws(() => weightFiles(join(dir, 'pickled')), {
    code: 'CHECKPOINT_UNSUPPORTED',
    message: /consolidated/,
    hint: /convert/,
  });
  t.end();
});

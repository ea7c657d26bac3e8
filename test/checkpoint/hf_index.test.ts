import { join } from 'node:path';
import t from 'tap';
import { readIndex, weightFiles } from '../../lib/checkpoint/hf_index.js';

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

t.test('when there is an index, then it promises a file for each tensor', (t) => {
  const dir = t.testdir({
    'model.safetensors.index.json':
      '{"metadata":{"total_size":8.0},"weight_map":{"__proto__":"s1","b":"s2"}}',
    s1: '',
    s2: '',
  });
  t.same(
    readIndex(dir).promised,
    new Map([
      ['__proto__', join(dir, 's1')],
      ['b', join(dir, 's2')],
    ]),
  );
  const single = t.testdir({ 'model.safetensors': '' });
  t.same(readIndex(single), { files: [join(single, 'model.safetensors')], promised: new Map() });
  t.end();
});

const broken: Record<string, string> = {
  'is empty': '',
  'is no JSON': '{',
  'is null': 'null',
  'has no weight_map': '{"metadata":{}}',
  'has a list for a weight_map': '{"weight_map":["s1"]}',
  'has a text for a weight_map': '{"weight_map":"s1"}',
  'has null for a weight_map': '{"weight_map":null}',
  'has a number for a file': '{"weight_map":{"a":1}}',
  'has null for a file': '{"weight_map":{"a":null}}',
  'has one name in two shards': '{"weight_map":{"a":"s1","a":"s2"}}',
  'names a shard that is missing': '{"weight_map":{"a":"s1","b":"s9"}}',
  'leads out of the folder': '{"weight_map":{"a":"../outside"}}',
  'leads into another folder': '{"weight_map":{"a":"inner/s1"}}',
  'names a path from the root': '{"weight_map":{"a":"/etc/hostname"}}',
  'names the folder': '{"weight_map":{"a":"."}}',
  'names the folder above': '{"weight_map":{"a":".."}}',
  'names nothing': '{"weight_map":{"a":""}}',
  'has a zero byte': '{"weight_map":{"a":"s1\\u0000"}}',
};

for (const [what, text] of Object.entries(broken)) {
  t.test(`when an index ${what}, then it is refused with its path`, (t) => {
    const dir = t.testdir({
      outside: '',
      model: { 'model.safetensors.index.json': text, s1: '', s2: '', inner: { s1: '' } },
    });
    const path = join(dir, 'model', 'model.safetensors.index.json');
    const expected = { code: 'CHECKPOINT_INVALID', hint: String, facts: { path } };
    t.throws(() => weightFiles(join(dir, 'model')), expected);
    t.end();
  });
}

import { join } from 'node:path';
import t from 'tap';
import { usage } from '../../../lib/report/sections/usage.js';
import { blocks, only, sampleRecord } from '../sample_record.js';

/** The folder that the two lines of Python load from, as Python reads it. */
function loadedFrom(
  t: Parameters<typeof sampleRecord>[0],
  dir: (folder: string) => string,
): string {
  const record = sampleRecord(t);
  record.values.export!.dir = dir(record.folder);
  const [code] = blocks(usage(record), 'code');
  t.equal(code?.language, 'python');
  const found = Array.from(
    code?.text.matchAll(/^\w+ = Auto\w+\.from_pretrained\((".*")\)$/gm) ?? [],
    ([, literal = '']) => JSON.parse(literal) as string,
  );
  t.equal(found.length, 2, 'model and tokenizer');
  t.equal(found[0], found[1]);
  return found[0] ?? '';
}

t.test('when the model lies in the run folder, then the path starts there', (t) => {
  t.equal(
    loadedFrom(t, (folder) => join(folder, 'model')),
    'model',
  );
  t.equal(
    loadedFrom(t, (folder) => join(folder, 'a', 'b c')),
    'a/b c',
  );
  t.equal(
    loadedFrom(t, (folder) => join(folder, 'say "hi"')),
    'say "hi"',
    'quotes are escaped',
  );
  t.end();
});

t.test('when it lies elsewhere, then the whole path is named', (t) => {
  t.equal(
    loadedFrom(t, () => '/models/small'),
    '/models/small',
  );
  t.equal(
    loadedFrom(t, (folder) => join(folder, '..', 'small')),
    join(t.testdirName, '..', 'small'),
  );
  const own = loadedFrom(t, (folder) => folder);
  t.equal(own, t.testdirName, 'the folder itself has no name in itself');
  t.end();
});

t.test('when nothing was exported, then there is no section', (t) => {
  t.equal(usage(only(sampleRecord(t), 'compress', 'recover-instruct')), undefined);
  t.end();
});

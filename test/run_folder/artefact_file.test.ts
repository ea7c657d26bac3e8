import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readArtefact } from '../../lib/run_folder/artefact_file.js';

const artefact = { stage: 'knowledge', inputHash: 'f'.repeat(64), seconds: 1.5, value: { a: [1] } };

t.test('when a stage left its artefact, then it is read as it is', async (t) => {
  const dir = t.testdir({ 'knowledge.json': JSON.stringify(artefact, null, 2) });
  t.same(readArtefact(dir, 'knowledge'), artefact);
  for (const value of [null, 0, '', []]) {
    writeFileSync(join(dir, 'knowledge.json'), JSON.stringify({ ...artefact, value }));
    t.same(readArtefact(dir, 'knowledge')?.value, value, 'a stage may have little to say');
  }
});

t.test('when a stage has not ended, then there is none', async (t) => {
  const dir = t.testdir({ 'lhspg.json': '{', '.knowledge.json.7.partial': '{' });
  t.equal(readArtefact(dir, 'knowledge'), undefined);
  t.equal(readArtefact(join(dir, 'nowhere'), 'knowledge'), undefined);
});

t.test('when the file is damaged or of another stage, then RUN_CORRUPT names it', async (t) => {
  const dir = t.testdir({});
  const path = join(dir, 'knowledge.json');
  const { value: _, ...valueless } = artefact;
  const damages = [
    '',
    '{"stage":"knowledge","inputHash":"ff',
    'null',
    '[]',
    '3',
    JSON.stringify({ ...artefact, stage: 'lhspg' }),
    JSON.stringify({ ...artefact, inputHash: 3 }),
    JSON.stringify(valueless),
  ];
  for (const damage of damages) {
    writeFileSync(path, damage);
    t.throws(
      () => readArtefact(dir, 'knowledge'),
      { code: 'RUN_CORRUPT', facts: { path, stage: 'knowledge' }, hint: /--resume/ },
      damage,
    );
  }
});

t.test('when something that is no file has its name, then RUN_CORRUPT', async (t) => {
  const dir = t.testdir({});
  mkdirSync(join(dir, 'trace.json'));
  t.throws(() => readArtefact(dir, 'trace'), { code: 'RUN_CORRUPT' });
  rmdirSync(join(dir, 'trace.json'));
  t.equal(readArtefact(dir, 'trace'), undefined);
});

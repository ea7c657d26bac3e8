import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  promptOf,
  readInstructions,
  type Instruction,
  type TemplateName,
} from '../../lib/data/alpaca.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/data/', import.meta.url));
const { entries, expected } = JSON.parse(
  readFileSync(join(fixtures, 'instructions.json'), 'utf8'),
) as {
  entries: Instruction[];
  expected: Record<string, { prompt: string }[]>;
};

t.test('when a prompt is made, then it is that of the named reference', (t) => {
  for (const template of ['stanford', 'alpaca-lora'] as TemplateName[]) {
    const prompts = expected[`byte_level/${template}`]!.map(({ prompt }) => prompt);
    t.strictSame(
      entries.map((entry) => promptOf(entry, template)),
      prompts,
    );
  }
  const tricky = { instruction: '{input} and $& stay', input: '{instruction}', output: '' };
  t.match(
    promptOf(tricky, 'stanford'),
    /Instruction:\n\{input\} and \$& stay\n\n### Input:\n\{instruction\}\n\n### Response:$/,
  );
  t.end();
});

t.test(
  'when instructions are read, then JSON, JSON Lines and a missing input are the same',
  async (t) => {
    const some = [
      { instruction: 'a', input: 'b', output: 'c' },
      { instruction: 'd', output: 'e' },
      { instruction: 'f', input: null, output: '' },
    ];
    const dir = t.testdir({
      'x.json': JSON.stringify(some),
      'x.jsonl': some.map((entry) => JSON.stringify(entry)).join('\n'),
      folder: {
        'train.json': JSON.stringify(some),
        'validation.json': JSON.stringify(some.slice(1)),
      },
    });
    const normal = some.map((entry) => ({ ...entry, input: entry.input ?? '' }));
    for (const name of ['x.json', 'x.jsonl']) {
      const train = await readInstructions(join(dir, name));
      const validation = await readInstructions(join(dir, name), { split: 'validation' });
      t.equal(validation.length, 1);
      t.strictSame(
        [...train, ...validation].sort((a, b) => (a.instruction < b.instruction ? -1 : 1)),
        normal,
      );
    }
    t.strictSame(await readInstructions(join(dir, 'folder')), normal);
    t.strictSame(
      await readInstructions(join(dir, 'folder'), { split: 'validation' }),
      normal.slice(1),
    );
  },
);

t.test(
  'when the quickstart’s instructions are read, then validation is its own file',
  async (t) => {
    const path = fileURLToPath(new URL('../../../examples/quickstart/data', import.meta.url));
    const train = await readInstructions(path);
    const validation = await readInstructions(path, { split: 'validation' });
    t.ok(train.length >= 200 && validation.length >= 20);
    const key = (entry: Instruction) => `${entry.instruction}/${entry.input}`;
    const seen = new Set(train.map(key));
    t.strictSame(
      validation.map(key).filter((each) => seen.has(each)),
      [],
    );
  },
);

t.test(
  'when nothing is to be held out, then all entries are read, whatever the split',
  async (t) => {
    const list = ['a', 'b', 'c'].map((instruction) => ({ instruction, input: '', output: 'x' }));
    const dir = t.testdir({
      'all.json': JSON.stringify(list),
      'one.json': JSON.stringify(list.slice(1, 2)),
      both: {
        'train.json': JSON.stringify(list),
        'validation.json': JSON.stringify(list.slice(2)),
      },
    });
    for (const split of ['train', 'validation'] as const) {
      const whole = { split, holdout: 'none' } as const;
      t.strictSame(await readInstructions(join(dir, 'all.json'), whole), list);
      t.strictSame(await readInstructions(join(dir, 'one.json'), whole), [list[1]]);
    }
    const validation = { split: 'validation', holdout: 'none' } as const;
    t.strictSame(
      await readInstructions(join(dir, 'both'), validation),
      [list[2]],
      'files say more',
    );
  },
);

t.test('when an entry is not in the format, then it is pointed at', async (t) => {
  const dir = t.testdir({
    'a.jsonl': '{"instruction":"a","output":"b"}\n{"prompt":"a","completion":3}',
    'empty.json': '[]',
    'one.json': '[{"instruction":"a","output":"b"}]',
  });
  await t.rejects(readInstructions(join(dir, 'a.jsonl')), {
    code: 'DATA_INVALID',
    message: /line 2, is not in Alpaca's format; it has prompt: string, completion: number/,
  });
  await t.rejects(readInstructions(join(dir, 'empty.json')), { code: 'DATA_EMPTY' });
  await t.rejects(readInstructions(join(dir, 'one.json')), {
    code: 'DATA_EMPTY',
    message: /one instruction only/,
  });
  await t.rejects(readInstructions(join(dir, 'none.json')), { code: 'DATA_NOT_FOUND' });
});

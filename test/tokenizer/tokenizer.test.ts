// The ids must be those of transformers: expected.json was made by scripts/fixtures/tokenizer.py.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { checkVocabulary, loadTokenizer } from '../../lib/tokenizer/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/tokenizer/', import.meta.url));

interface Expected {
  vocabulary: number;
  bos: number;
  eos: number;
  cases: { text: string; ids: number[]; plain: number[]; decoded: string }[];
}

for (const name of ['stories260K', 'byte_level']) {
  t.test(`when odd strings go through ${name}, then the ids are those of transformers`, (t) => {
    const dir = join(fixtures, name);
    const expected = JSON.parse(readFileSync(join(dir, 'expected.json'), 'utf8')) as Expected;
    const tokenizer = loadTokenizer(dir);
    t.equal(tokenizer.vocabSize, expected.vocabulary);
    t.equal(tokenizer.bosId, expected.bos);
    t.equal(tokenizer.eosId, expected.eos);
    t.equal(tokenizer.addBosToken, name === 'stories260K');
    t.match(tokenizer.fingerprint, /^[0-9a-f]{64}$/);
    t.ok(expected.cases.length > 60);
    for (const { text, ids, plain, decoded } of expected.cases) {
      const label = JSON.stringify(text.slice(0, 30));
      t.strictSame(tokenizer.encode(text), ids, `ids of ${label}`);
      t.strictSame(
        tokenizer.encode(text, { addSpecialTokens: false }),
        plain,
        `plain ids of ${label}`,
      );
      // The library's byte fallback drops a byte-order mark when it decodes.
      if (!text.startsWith('\uFEFF')) t.equal(tokenizer.decode(ids), decoded, `text of ${label}`);
    }
    t.end();
  });
}

t.test('when special tokens are skipped, then decoding gives back the text', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'stories260K'));
  const ids = [...tokenizer.encode('Once upon a time'), 2];
  t.equal(tokenizer.decode(ids), '<s> Once upon a time</s>');
  t.equal(tokenizer.decode(Int32Array.from(ids), { skipSpecialTokens: true }), 'Once upon a time');
  t.equal(tokenizer.decode([]), '');
  t.equal(tokenizer.token(2), '</s>');
  t.equal(tokenizer.token(512), undefined);
  t.end();
});

t.test('when the tokenizer names no BOS and EOS, then the model’s files do', (t) => {
  const dir = t.testdir({
    'generation_config.json': JSON.stringify({ eos_token_id: [2, 1] }),
    'config.json': JSON.stringify({ bos_token_id: 1, eos_token_id: 0 }),
  });
  cpSync(join(fixtures, 'stories260K/tokenizer.json'), join(dir, 'tokenizer.json'));
  const tokenizer = loadTokenizer(dir);
  t.equal(tokenizer.bosId, 1);
  t.equal(tokenizer.eosId, 2, 'generation_config.json before config.json, first of several');
  t.end();
});

t.test('when the files are missing or damaged, then TOKENIZER_INVALID says which', (t) => {
  const dir = t.testdir({ 'tokenizer.model': '' });
  const invalid = (message: RegExp) => ({ code: 'TOKENIZER_INVALID', message, hint: String });
  t.throws(() => loadTokenizer(dir), invalid(/tokenizer\.model but no tokenizer\.json/));
  rmSync(join(dir, 'tokenizer.model'));
  t.throws(() => loadTokenizer(dir), invalid(/has no tokenizer\.json/));
  const path = join(dir, 'tokenizer.json');
  writeFileSync(path, '{"model": ');
  t.throws(() => loadTokenizer(dir), invalid(/tokenizer\.json is not JSON/));
  writeFileSync(path, '[]');
  t.throws(() => loadTokenizer(dir), invalid(/does not hold a JSON object/));
  writeFileSync(path, '{"version": "1.0"}');
  t.throws(() => loadTokenizer(dir), invalid(/describes no usable tokenizer/));
  t.end();
});

t.test('when the vocabulary is larger than the model’s, then it is found', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'byte_level'));
  t.doesNotThrow(() => checkVocabulary(tokenizer, 400));
  t.doesNotThrow(() => checkVocabulary(tokenizer, 512), 'embeddings may be padded');
  t.throws(() => checkVocabulary(tokenizer, 399), {
    code: 'TOKENIZER_INVALID',
    facts: { tokenizer: 400, model: 399 },
  });
  t.end();
});

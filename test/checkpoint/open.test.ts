import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openCheckpoint } from '../../lib/checkpoint/open.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { stories } from '../fixtures/evaluation.js';

t.test('when a folder is opened, then its tokenizer is known to fit its model', (t) => {
  const before = tensorCount();
  const { model, tokenizer } = openCheckpoint(stories);
  t.equal(tokenizer.vocabSize, model.vocabulary);
  model.dispose();

  const dir = t.testdir({});
  cpSync(stories, dir, { recursive: true });
  const path = join(dir, 'tokenizer.json');
  const tokens = JSON.parse(readFileSync(path, 'utf8')) as { added_tokens: object[] };
  tokens.added_tokens.push({ ...tokens.added_tokens[0], id: 512, content: '<more>' });
  writeFileSync(path, JSON.stringify(tokens));
  t.throws(() => openCheckpoint(dir), {
    code: 'TOKENIZER_INVALID',
    facts: { tokenizer: 513, model: 512 },
  });
  t.throws(() => openCheckpoint(stories, { dtype: 'int3' }), {
    code: 'CONFIG_INVALID',
    hint: /bfloat16/,
  });
  t.equal(tensorCount(), before);
  t.end();
});

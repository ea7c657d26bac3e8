// Rows as transformers cuts and pads them (scripts/fixtures/chat_templates.py).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Side, encodeBatch } from '../../lib/tokenizer/encode_batch.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/tokenizer/', import.meta.url));
const { texts, cases } = JSON.parse(readFileSync(join(fixtures, 'batch.json'), 'utf8')) as {
  texts: string[];
  cases: {
    tokenizer: string;
    truncation: Side | null;
    padding: Side | null;
    special: boolean;
    maxLength: number | null;
    ids: number[][];
    mask: number[][];
  }[];
};

t.test('when texts are cut and padded on either side, then the rows are transformers’', (t) => {
  for (const { tokenizer: name, truncation, padding, special, maxLength, ids, mask } of cases) {
    const tokenizer = loadTokenizer(join(fixtures, name));
    const found = encodeBatch(tokenizer, texts, {
      padding: padding ?? undefined,
      truncation: truncation ?? undefined,
      maxLength: maxLength ?? undefined,
      addSpecialTokens: special,
    });
    const label = `${name} truncation ${truncation} padding ${padding} ${maxLength} ${special}`;
    t.strictSame(found, { ids, attentionMask: mask }, label);
  }
  t.end();
});

t.test('when a length is given alone, then texts are cut on the right', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'stories260K'));
  const { ids } = encodeBatch(tokenizer, ['Once upon a time'], { maxLength: 3 });
  t.strictSame(ids, [tokenizer.encode('Once upon a time').slice(0, 3)]);
  t.strictSame(encodeBatch(tokenizer, []), { ids: [], attentionMask: [] });
  t.end();
});

t.test('when rows are padded, then with the id that is given or the tokenizer’s own', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'byte_level'));
  const two = ['', 'a'];
  t.equal(encodeBatch(tokenizer, two, { padding: 'right', padId: 7 }).ids[0]![0], 7);
  const own = { ...tokenizer, padId: 9 };
  t.equal(encodeBatch(own, two, { padding: 'right' }).ids[0]![0], 9);
  const none = { ...tokenizer, eosId: undefined };
  t.equal(encodeBatch(none, two, { padding: 'right' }).ids[0]![0], 0);
  t.end();
});

t.test('when the length is none, then CONFIG_INVALID says what would do', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'stories260K'));
  const invalid = { code: 'CONFIG_INVALID', hint: String };
  t.throws(() => encodeBatch(tokenizer, ['a'], { truncation: 'left' }), invalid);
  for (const maxLength of [0, -1, 1.5, NaN]) {
    t.throws(() => encodeBatch(tokenizer, ['a'], { maxLength }), invalid);
  }
  t.end();
});

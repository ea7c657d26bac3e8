import t from 'tap';
import { withUnicodeWords } from '../../lib/tokenizer/byte_level.js';

t.test('when a pre-tokenizer splits by its own pattern, then the pattern is spelt out', (t) => {
  const own = { type: 'ByteLevel', add_prefix_space: false };
  const spelt = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', behavior: 'Isolated' },
      { ...own, use_regex: false },
    ],
  };
  t.match(withUnicodeWords({ model: 1, pre_tokenizer: own }), { model: 1, pre_tokenizer: spelt });
  const within = { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, own] };
  t.match(withUnicodeWords({ pre_tokenizer: within }), {
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, spelt] },
  });
  t.end();
});

t.test('when it does not, then it stays as it is', (t) => {
  for (const pre_tokenizer of [
    null,
    { type: 'Metaspace' },
    { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    { type: 'ByteLevel', add_prefix_space: true },
  ]) {
    t.strictSame(withUnicodeWords({ pre_tokenizer }), { pre_tokenizer });
  }
  t.end();
});

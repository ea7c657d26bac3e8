import t from 'tap';
import { pairEncoder } from '../../lib/evaluate/encode_pair.js';
import { type Tokenizer, loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { stories } from '../fixtures/evaluation.js';

const tokenizer = loadTokenizer(stories);
const bos = tokenizer.bosId!;
const whole = tokenizer.encode('Once upon a time there was');
const split = tokenizer.encode('Once upon a').length;

t.test('when a context ends in spaces, then they move to the continuation', (t) => {
  const encoder = pairEncoder(tokenizer, 512);
  const plain = encoder.encode('Once upon a', ' time there was');
  t.strictSame(plain, { tokens: whole, from: split });
  t.strictSame(encoder.encode('Once upon a ', 'time there was'), plain);
  t.equal(encoder.truncated, 0);
  t.end();
});

t.test('when a pair is too long, then the first tokens go, not the continuation', (t) => {
  const encoder = pairEncoder(tokenizer, 3);
  const { tokens, from } = encoder.encode('Once upon a', ' time');
  const uncut = tokenizer.encode('Once upon a time');
  t.strictSame(tokens, uncut.slice(-4));
  t.strictSame(Array.from(tokens).slice(from), uncut.slice(split));
  t.equal(encoder.truncated, 1);
  t.end();
});

t.test('when a text brings its own BOS, then it gets no second one', (t) => {
  const { tokens } = pairEncoder(tokenizer, 512).encode('<s>Once upon a', ' time');
  t.equal(Array.from(tokens).filter((id) => id === bos).length, 1);
  t.end();
});

t.test('when the context is empty, then BOS stands for it', (t) => {
  const encoder = pairEncoder(tokenizer, 512);
  const bare = tokenizer.encode('time', { addSpecialTokens: false });
  t.strictSame(encoder.encode('', 'time'), { tokens: [bos, ...bare], from: 1 });
  t.strictSame(encoder.encode('', '<s>time').from, 1);
  t.strictSame(encoder.encode('  ', 'time').tokens[0], bos, 'spaces only: what the tokenizer adds');
  t.end();
});

t.test('when there is nothing to predict or to predict from, then that is an error', (t) => {
  const bare: Tokenizer = {
    ...tokenizer,
    bosId: undefined,
    eosId: undefined,
    encode: (text) => tokenizer.encode(text, { addSpecialTokens: false }),
  };
  const invalid = { code: 'DATA_INVALID' };
  t.throws(() => pairEncoder(tokenizer, 512).encode('Once', ''), invalid);
  t.throws(() => pairEncoder(tokenizer, 1).encode('Once', ' upon a time there was'), invalid);
  t.throws(() => pairEncoder(bare, 512).encode(' ', 'time'), invalid);
  t.strictSame(pairEncoder(bare, 512).encode('', 'time there').from, 1);
  t.end();
});

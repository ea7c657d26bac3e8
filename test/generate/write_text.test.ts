import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { type WriteTextOptions, writeText } from '../../lib/generate/write_text.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { stories } from '../fixtures/evaluation.js';

const model = loadModel(stories);
t.teardown(() => model.dispose());
const tokenizer = loadTokenizer(stories);
const prompt = tokenizer.encode('Once upon a time');

const write = (options: WriteTextOptions) => {
  const tokens: { id: number; text: string }[] = [];
  const result = writeText(model, tokenizer, prompt, {
    ...options,
    onToken: (token) => tokens.push(token),
  });
  t.strictSame(
    tokens.map(({ id }) => id),
    result.ids,
  );
  t.equal(tokens.map(({ text }) => text).join(''), result.text, 'pieces are the text');
  return result;
};

t.test('when a text is written, then it says what, why it ended, and how fast', (t) => {
  const result = write({ maxNewTokens: 30 });
  t.match(result.text, /^, there was a little girl named Lily\./);
  t.equal(
    result.text,
    tokenizer.decode([...prompt, ...result.ids], { skipSpecialTokens: true }).slice(16),
  );
  t.match(result, { promptIds: prompt, finishReason: 'length', ids: { length: 30 } });
  t.ok(result.promptSeconds > 0 && result.promptSeconds <= result.seconds);
  t.equal(result.tokensPerSecond, 30 / result.seconds);
  t.end();
});

t.test('when an end token comes, then its text is none', (t) => {
  const free = write({ maxNewTokens: 30 });
  const end = free.ids[9]!;
  const result = write({ maxNewTokens: 30, endIds: [end] });
  t.equal(result.finishReason, 'end');
  t.strictSame(result.ids, free.ids.slice(0, free.ids.indexOf(end) + 1));
  t.end();
});

t.test('when a stop string comes, then the text ends before it, also where it is the last', (t) => {
  const result = write({ maxNewTokens: 30, stop: ['nowhere', ' Lily.'] });
  t.equal(result.text, ', there was a little girl named');
  t.equal(result.finishReason, 'stop');
  const count = result.ids.length;
  t.match(write({ maxNewTokens: count, stop: [' Lily.'] }), { finishReason: 'stop' });
  const short = write({ maxNewTokens: count - 1, stop: [' Lily.'] });
  t.equal(short.finishReason, 'length');
  t.match(short.text, / Lil/, 'what was held back is given at the end');
  t.end();
});

t.test('when no number of tokens is given, then it is 128, or what there is room for', (t) => {
  t.equal(write({}).ids.length, 128);
  const long = new Array<number>(model.context - 3).fill(5);
  t.equal(writeText(model, tokenizer, long, {}).ids.length, 3);
  const full = new Array<number>(model.context).fill(5);
  t.throws(() => writeText(model, tokenizer, full, {}), { code: 'CONTEXT_EXCEEDED' });
  t.end();
});

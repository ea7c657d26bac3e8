import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createRandom } from '../../lib/data/random.js';
import { textStream } from '../../lib/generate/text_stream.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { absent, realTokenizer, recorded } from '../fixtures/real_tokenizers.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/tokenizer/', import.meta.url));
const texts = [
  ...recorded.texts.filter((text) => !/^\uFEFF|\uFFFD/.test(text)),
  'a 😀 你好 é 😀😀 end',
];

const pieces = (tokenizer: ReturnType<typeof loadTokenizer>, prompt: number[], ids: number[]) => {
  const stream = textStream(tokenizer, prompt);
  return [...ids.map((id) => stream.push(id)), stream.end()];
};

for (const name of ['stories260K', 'byte_level']) {
  t.test(`when the tokens of ${name} come one by one, then the pieces are the text`, (t) => {
    const tokenizer = loadTokenizer(join(fixtures, name));
    const decode = (ids: number[]) => tokenizer.decode(ids, { skipSpecialTokens: true });
    for (const text of texts) {
      const ids = tokenizer.encode(text);
      for (const at of [0, 1, Math.floor(ids.length / 2)]) {
        const [prompt, rest] = [ids.slice(0, at), ids.slice(at)];
        const found = pieces(tokenizer, prompt, rest);
        // A prompt that ends within a character is none that a user can give.
        if (decode(prompt).endsWith('\uFFFD')) continue;
        t.equal(found.join(''), decode(ids).slice(decode(prompt).length));
        t.notOk(
          found.some((piece) => piece.includes('\uFFFD')),
          'no half characters',
        );
      }
    }
    t.end();
  });
}

t.test('when a character comes in bytes, then it is held until it is whole', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'stories260K'));
  const ids = tokenizer.encode('a😀b', { addSpecialTokens: false });
  const found = pieces(tokenizer, [1], ids);
  t.strictSame(
    found.filter((piece) => piece !== ''),
    ['a', '😀', 'b'],
  );
  t.equal(found.at(-1), '');
  t.end();
});

t.test(
  'when bytes never make a character, then they are told at the end, or after a while',
  (t) => {
    const tokenizer = loadTokenizer(join(fixtures, 'byte_level'));
    const [first = 0] = tokenizer.encode('😀');
    t.match(pieces(tokenizer, [], [first]).at(-1), /^\uFFFD+$/);
    const long = pieces(tokenizer, [], new Array<number>(40).fill(first));
    t.ok(long.findIndex((piece) => piece !== '') < 20);
    t.match(long.join(''), /^\uFFFD+$/);
    t.end();
  },
);

t.test('when special tokens are written, then they are no text, and hold nothing up', (t) => {
  const tokenizer = loadTokenizer(join(fixtures, 'stories260K'));
  const ids = [...tokenizer.encode('One'), 2, ...tokenizer.encode('Two')];
  t.equal(pieces(tokenizer, [], ids).join(''), tokenizer.decode(ids, { skipSpecialTokens: true }));
  t.end();
});

t.test(
  'when published tokenizers decode random ids, then the pieces are the text',
  { skip: absent },
  (t) => {
    const random = createRandom(8);
    for (const name of ['neox', 'llama2', 'mistral-v0.3'] as const) {
      const tokenizer = loadTokenizer(realTokenizer(name, t.testdir({})));
      for (let i = 0; i < 50; i++) {
        const ids = Array.from({ length: 20 }, () => 300 + random.integer(30_000));
        const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
        if (whole.includes('\uFFFD')) continue;
        t.equal(pieces(tokenizer, [], ids).join(''), whole);
      }
    }
    t.end();
  },
);

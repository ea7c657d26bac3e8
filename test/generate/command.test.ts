import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../../lib/context.js';
import { type GenerateTextOptions, generateText } from '../../lib/generate/command.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { stories } from '../fixtures/evaluation.js';

const ctx = createContext();
const tokenizer = loadTokenizer(stories);

t.test('when a prompt is given, then the model goes on, and nothing is left of it', (t) => {
  const before = tensorCount();
  const options = { model: stories, prompt: 'Once upon a time', maxNewTokens: 12 };
  const { promptIds, text } = generateText(ctx, options);
  t.strictSame(promptIds, tokenizer.encode('Once upon a time'));
  t.match(text, /^, there was a little girl/);
  t.equal(tensorCount(), before);
  const drawn = (seed: number) => generateText(ctx, { ...options, temperature: 1.5, seed }).text;
  t.equal(drawn(3), drawn(3));
  t.not(drawn(3), drawn(4));
  t.end();
});

t.test('when a chat is given, then the template makes the prompt', (t) => {
  const dir = t.testdir({});
  cpSync(stories, dir, { recursive: true });
  writeFileSync(
    join(dir, 'chat_template.jinja'),
    '{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}she:{% endif %}',
  );
  const messages = [{ role: 'he', content: 'Hi' }];
  const { promptIds } = generateText(ctx, { model: dir, messages, maxNewTokens: 1 });
  t.strictSame(promptIds, tokenizer.encode('he: Hi\nshe:'));
  t.end();
});

t.test(
  'when an end token is the model’s own, then it ends the text unless it is passed over',
  (t) => {
    const dir = t.testdir({});
    cpSync(stories, dir, { recursive: true });
    const options = { model: dir, prompt: 'Once upon a time', maxNewTokens: 20 };
    const [, , third] = generateText(ctx, options).ids;
    writeFileSync(
      join(dir, 'generation_config.json'),
      JSON.stringify({ eos_token_id: [2, third] }),
    );
    const ended = generateText(ctx, options);
    t.match(ended, { finishReason: 'end', ids: { length: 3 } });
    t.equal(generateText(ctx, { ...options, ignoreEnd: true }).ids.length, 20);
    t.end();
  },
);

t.test('when something is wrong, then that is told before a model is loaded', (t) => {
  const model = join(t.testdir({}), 'none');
  const fails = (options: Partial<GenerateTextOptions>, code: string) => {
    t.throws(() => generateText(ctx, { model, ...options }), { code, hint: String });
  };
  fails({}, 'CONFIG_INVALID');
  fails({ prompt: 'a', messages: [] }, 'CONFIG_INVALID');
  fails({ prompt: 'a', topK: -1 }, 'CONFIG_INVALID');
  fails({ prompt: 'a' }, 'CHECKPOINT_NOT_FOUND');
  fails({ messages: [{ role: 'user', content: 'a' }] }, 'CHECKPOINT_NOT_FOUND');
  fails({ model: stories, prompt: 'a', dtype: 'int3' }, 'CONFIG_INVALID');
  fails({ model: stories, messages: [{ role: 'user', content: 'a' }] }, 'CHAT_TEMPLATE_MISSING');
  const before = tensorCount();
  fails({ model: stories, prompt: 'a', maxNewTokens: 600 }, 'CONTEXT_EXCEEDED');
  t.equal(tensorCount(), before, 'the model is given up');
  t.end();
});

// The texts must be those of transformers' apply_chat_template (scripts/fixtures/chat_templates.py).
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { LoraShearError } from '../../lib/errors.js';
import {
  type ChatMessage,
  type RenderChatOptions,
  chatTemplates,
  encodeChat,
  renderChat,
} from '../../lib/tokenizer/chat_template.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/tokenizer/', import.meta.url));
const fixture = JSON.parse(readFileSync(join(fixtures, 'chat.json'), 'utf8')) as {
  templates: Record<string, string>;
  conversations: Record<string, ChatMessage[]>;
  now: string;
  cases: {
    template: string;
    conversation: string;
    options: { add_generation_prompt?: boolean; tools?: object[]; [variable: string]: unknown };
    text?: string;
    error?: string;
  }[];
};
const now = new Date(fixture.now);
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const hi: ChatMessage[] = [{ role: 'user', content: 'Hi' }];

/** A folder with the tokenizer of stories260K and further files. */
function folder(t: Test, files: Record<string, string> = {}): string {
  const dir = t.testdir({});
  cpSync(join(fixtures, 'stories260K'), dir, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  return dir;
}

for (const [name, template] of Object.entries(fixture.templates)) {
  t.test(`when a chat is rendered in the style of ${name}, then it is transformers' text`, (t) => {
    const dir = folder(t, { 'chat_template.jinja': template });
    const tokenizer = loadTokenizer(dir);
    const cases = fixture.cases.filter((one) => one.template === name);
    t.ok(cases.length >= 10);
    for (const { conversation, options, text, error } of cases) {
      const { add_generation_prompt, tools, ...variables } = options;
      const render = () =>
        renderChat(dir, fixture.conversations[conversation]!, {
          addGenerationPrompt: add_generation_prompt,
          tools,
          variables,
          now,
          tokenizer,
        });
      const label = `${conversation} ${JSON.stringify(options).slice(0, 60)}`;
      if (text !== undefined) t.equal(render(), text, label);
      else {
        // Python's Jinja trims what is undefined, the library refuses to: the error comes earlier.
        const [, reason = ''] = /^TemplateError: (.*)$/.exec(error ?? '') ?? [];
        const message = conversation === 'tool' ? /./ : new RegExp(`${escaped(reason)}$`);
        t.throws(render, { code: 'CHAT_TEMPLATE_FAILED', message }, label);
      }
    }
    t.end();
  });
}

t.test(
  'when the template is in one of its places, then it is found, the first of them wins',
  (t) => {
    const user = (mark: string) => `${mark}{{ messages[0].content }}{{ eos_token }}`;
    const config = (chat_template: unknown) => JSON.stringify({ eos_token: '</s>', chat_template });
    const dir = folder(t, {
      'chat_template.json': JSON.stringify({ chat_template: user('json ') }),
    });
    t.equal(renderChat(dir, hi), 'json Hi</s>');
    writeFileSync(join(dir, 'tokenizer_config.json'), config(user('config ')));
    t.equal(renderChat(dir, hi), 'config Hi</s>');
    const list = [
      { name: 'default', template: user('default ') },
      { name: 'tool_use', template: user('tools ') },
    ];
    writeFileSync(join(dir, 'tokenizer_config.json'), config(list));
    t.equal(renderChat(dir, hi), 'default Hi</s>');
    t.equal(renderChat(dir, hi, { tools: [{}] }), 'tools Hi</s>');
    t.equal(renderChat(dir, hi, { template: 'tool_use' }), 'tools Hi</s>');
    t.equal(renderChat(dir, hi, { template: '{{ messages | length }}' }), '1');
    writeFileSync(join(dir, 'chat_template.jinja'), user('jinja '));
    mkdirSync(join(dir, 'additional_chat_templates'));
    writeFileSync(join(dir, 'additional_chat_templates/rag.jinja'), user('rag '));
    t.equal(renderChat(dir, hi), 'jinja Hi</s>');
    t.strictSame([...chatTemplates(dir).keys()], ['default', 'rag']);
    t.end();
  },
);

t.test('when there is no template, then that is said, with what to do', (t) => {
  const dir = folder(t);
  t.throws(() => renderChat(dir, hi), {
    code: 'CHAT_TEMPLATE_MISSING',
    message: /has no chat template/,
    hint: /chat_template\.jinja/,
  });
  writeFileSync(join(dir, 'chat_template.jinja'), '{{ messages }}');
  t.throws(() => renderChat(dir, hi, { template: 'rag' }), {
    code: 'CHAT_TEMPLATE_MISSING',
    message: /named "rag"/,
    hint: /default/,
  });
  t.end();
});

t.test('when the template cannot be used, then it is CHAT_TEMPLATE_FAILED', (t) => {
  const failure = (template: string, messages = hi, options: RenderChatOptions = {}) => {
    try {
      renderChat(folder(t, { 'chat_template.jinja': template }), messages, options);
    } catch (thrown) {
      return thrown as LoraShearError;
    }
    throw new Error('nothing was thrown');
  };
  t.match(failure('{% if %}'), { code: 'CHAT_TEMPLATE_FAILED', hint: /no Jinja/ });
  t.match(failure('{{ f() }}'), { code: 'CHAT_TEMPLATE_FAILED', hint: /no Jinja/ });
  t.match(failure("{{ raise_exception('not so') }}"), {
    code: 'CHAT_TEMPLATE_FAILED',
    message: /not so$/,
    hint: /messages/,
    facts: { reason: 'not so' },
  });
  t.match(failure('{{ messages }}', []), { message: /no messages/ });
  t.end();
});

t.test('when a chat is encoded, then its special tokens are not written twice', (t) => {
  const dir = folder(t, { 'chat_template.jinja': fixture.templates['llama2']! });
  const ids = encodeChat(dir, hi);
  const tokenizer = loadTokenizer(dir);
  t.strictSame(ids, tokenizer.encode('[INST] Hi [/INST]'));
  t.equal(ids.filter((id) => id === tokenizer.bosId).length, 1);
  t.end();
});

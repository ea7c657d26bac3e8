// Messages of a chat as one text, by the Jinja template of a checkpoint, as transformers' apply_chat_template renders it.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { LoraShearError } from '../errors.js';
import { readJsonObject } from './json_object.js';
import { callByName, pythonFunctions } from './python_functions.js';
import { strftime } from './strftime.js';
import { type Tokenizer, loadTokenizer } from './tokenizer.js';

export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  role: string;
  /** A text, or parts where the template takes them. */
  content?: unknown;
  [field: string]: unknown;
}

export interface RenderChatOptions {
  /** End with what begins the assistant's answer. Default false, as in transformers. */
  addGenerationPrompt?: boolean | undefined;
  /** JSON schemas of functions that the model may call. */
  tools?: readonly object[] | undefined;
  documents?: readonly object[] | undefined;
  /** A name, where the checkpoint has several templates, or a template. */
  template?: string | undefined;
  /** Further variables of the template, such as `enable_thinking`. */
  variables?: Readonly<Record<string, unknown>> | undefined;
  /** What `strftime_now` tells; default: now. */
  now?: Date | undefined;
  /** The checkpoint's, where it is loaded already. */
  tokenizer?: Tokenizer | undefined;
}

/**
 * The text of a chat. Special tokens are in it: encode it with `addSpecialTokens: false`, as {@link encodeChat} does.
 * @throws LoraShearError `CHAT_TEMPLATE_MISSING` when `dir` has no template (of that name), `CHAT_TEMPLATE_FAILED` when
 * there are no messages, or the template is no Jinja or refuses them, `TOKENIZER_INVALID`
 */
export function renderChat(
  dir: string,
  messages: readonly ChatMessage[],
  options: RenderChatOptions = {},
): string {
  const { now = new Date(), tokenizer = loadTokenizer(dir) } = options;
  const template = choose(dir, chatTemplates(dir), options);
  if (messages.length === 0) throw failed(dir, 'there are no messages', undefined);
  let refusal: string | undefined;
  try {
    return callByName(new Template(template)).render({
      ...pythonFunctions({
        raise_exception(message) {
          refusal = String(message);
          throw new Error(refusal);
        },
        strftime_now: (format) => strftime(now, String(format)),
      }),
      ...tokenizer.namedTokens,
      documents: options.documents ?? null,
      ...options.variables,
      messages: messages.map(withoutNulls),
      tools: options.tools ?? null,
      add_generation_prompt: options.addGenerationPrompt ?? false,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw failed(dir, refusal ?? why, cause, refusal !== undefined);
  }
}

/** Token ids of a chat. @throws as {@link renderChat} */
export function encodeChat(
  dir: string,
  messages: readonly ChatMessage[],
  options: RenderChatOptions = {},
): number[] {
  const tokenizer = options.tokenizer ?? loadTokenizer(dir);
  const text = renderChat(dir, messages, { ...options, tokenizer });
  return tokenizer.encode(text, { addSpecialTokens: false });
}

/**
 * Templates of the folder by name, the usual one as `default`: `chat_template.jinja` with `additional_chat_templates/*.jinja`,
 * else `chat_template` of tokenizer_config.json (a text, or a list of names with texts), else `chat_template.json`.
 * @throws LoraShearError `TOKENIZER_INVALID` when a file is no JSON
 */
export function chatTemplates(dir: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const main = join(dir, 'chat_template.jinja');
  if (existsSync(main)) files.set('default', readFileSync(main, 'utf8'));
  const more = join(dir, 'additional_chat_templates');
  if (existsSync(more)) {
    for (const name of readdirSync(more).filter((file) => file.endsWith('.jinja'))) {
      files.set(name.slice(0, -'.jinja'.length), readFileSync(join(more, name), 'utf8'));
    }
  }
  if (files.size > 0) return files;
  for (const name of ['tokenizer_config.json', 'chat_template.json']) {
    const found = named(readJsonObject(dir, name)['chat_template']);
    if (found.size > 0) return found;
  }
  return files;
}

/** The three forms that the field has: a text, `[{ name, template }, …]`, `{ name: template, … }`. */
function named(value: unknown): Map<string, string> {
  if (typeof value === 'string') return new Map([['default', value]]);
  if (value === null || typeof value !== 'object') return new Map();
  const pairs: [unknown, unknown][] = Array.isArray(value)
    ? (value as Record<string, unknown>[]).map(({ name, template }) => [name, template])
    : Object.entries(value);
  return new Map(
    pairs.filter((pair): pair is [string, string] => pair.every((x) => typeof x === 'string')),
  );
}

/** As transformers chooses: the one that is asked for, `tool_use` where tools are given, `default`. */
function choose(
  dir: string,
  templates: ReadonlyMap<string, string>,
  { template, tools }: RenderChatOptions,
): string {
  if (template !== undefined) {
    const found = templates.get(template);
    if (found !== undefined || /\{[{%#]/.test(template)) return found ?? template;
  } else {
    const found = (tools && templates.get('tool_use')) ?? templates.get('default');
    if (found !== undefined) return found;
  }
  const names = [...templates.keys()].sort();
  const asked = template === undefined ? 'chat template' : `chat template named "${template}"`;
  throw new LoraShearError('CHAT_TEMPLATE_MISSING', `${dir} has no ${asked}`, {
    hint:
      names.length > 0
        ? `name one of those it has: ${names.join(', ')}`
        : 'put the template of the model into chat_template.jinja there, or give a plain prompt: a model without one was hardly trained on chats',
    facts: { dir, names },
  });
}

/** As transformers does: a key whose value is null is left out, since templates would print it. */
function withoutNulls(message: ChatMessage): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(message).filter(([, value]) => value !== null && value !== undefined),
  );
}

function failed(dir: string, why: string, cause: unknown, refused = true): LoraShearError {
  return new LoraShearError('CHAT_TEMPLATE_FAILED', `the chat template of ${dir}: ${why}`, {
    hint: refused
      ? 'give messages as the template wants them; many take no system message, or user and assistant in turn'
      : 'the template is no Jinja, or uses something that @huggingface/jinja lacks; give a plain prompt instead',
    facts: { dir, reason: why },
    cause,
  });
}

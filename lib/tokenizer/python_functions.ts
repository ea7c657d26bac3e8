// What templates call that @huggingface/jinja has otherwise than Python: `strip(chars)`, the date, an error of their own.
import type { Template } from '@huggingface/jinja';

const methods = ['strip', 'lstrip', 'rstrip'] as const;
const globals = ['raise_exception', 'strftime_now'] as const;

/** The functions that {@link callByName} makes templates call. */
export function pythonFunctions(
  own: Record<(typeof globals)[number], (argument: unknown) => unknown>,
): Record<string, unknown> {
  return Object.fromEntries([
    ...methods.map((method) => [nameOf(method), stripper(method)]),
    ...globals.map((name) => [nameOf(name), own[name]]),
  ]) as Record<string, unknown>;
}

/**
 * Makes a parsed template call {@link pythonFunctions}, under names that no template can write: the library does not let
 * its own functions be replaced (its date is in the machine's language), and its `strip` takes no characters.
 */
export function callByName(template: Template): Template {
  rewrite(template.parsed);
  return template;
}

interface Node {
  type?: string;
  [field: string]: unknown;
}

function rewrite(node: unknown): void {
  if (node === null || typeof node !== 'object') return;
  for (const value of Object.values(node)) rewrite(value);
  const { type, value, callee, args } = node as Node & { callee?: Node; args?: unknown[] };
  if (type === 'Identifier' && globals.some((name) => name === value)) {
    Object.assign(node, { value: nameOf(value as string) });
  }
  if (type !== 'CallExpression' || callee?.type !== 'MemberExpression') return;
  const method = (callee['property'] as Node)['value'];
  if (callee['computed'] === true || args?.length !== 1) return;
  const found = methods.find((name) => name === method);
  if (!found) return;
  Object.assign(node, {
    callee: { type: 'Identifier', value: nameOf(found) },
    args: [callee['object'], args[0]],
  });
}

function nameOf(name: string): string {
  return `python ${name}`;
}

/** Takes the text and the characters, which are undefined where a template says `none`. */
function stripper(method: (typeof methods)[number]): (text: string, chars?: string) => string {
  return (text, chars) => {
    const letters = Array.from(text);
    const listed = chars === undefined ? undefined : new Set(Array.from(chars));
    const goes = (letter: string | undefined): boolean =>
      letter !== undefined && (listed ? listed.has(letter) : /^\s$/.test(letter));
    let [start, end] = [0, letters.length];
    if (method !== 'rstrip') while (start < end && goes(letters[start])) start++;
    if (method !== 'lstrip') while (end > start && goes(letters[end - 1])) end--;
    return letters.slice(start, end).join('');
  };
}

// Files of the dense model's folder that belong to every model made from it.
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { copyDurably, flushFolder } from './durable_file.js';

const files: ReadonlySet<string> = new Set([
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'LICENSE',
  'LICENSE.txt',
  'LICENSE.md',
  'NOTICE',
  'USE_POLICY.md',
]);

/** Named templates of a tokenizer, one file each. */
const templates = 'additional_chat_templates';

/** Is this a name that {@link carryFiles} may write? */
export const isCarried = (name: string): boolean => files.has(name) || name === templates;

/** Copies tokenizer, chat templates, generation settings and licence, as far as they are there. */
export function carryFiles(from: string, to: string): void {
  for (const file of files) {
    if (existsSync(join(from, file))) copyDurably(join(from, file), join(to, file));
  }
  const folder = join(from, templates);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return;
  mkdirSync(join(to, templates));
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.jinja')) copyDurably(join(folder, file), join(to, templates, file));
  }
  flushFolder(join(to, templates));
}

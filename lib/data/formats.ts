// The file formats that can be read, and how a file's format is found. A new format is one file and one line here.
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { json } from './json.js';
import { jsonl } from './jsonl.js';
import { parquet } from './parquet.js';
import { text } from './text.js';

export const formats = { parquet, jsonl, json, text } as const;

export type FormatName = keyof typeof formats;

/** By file name ending only; undefined where it says nothing. */
export function formatByExtension(file: string): FormatName | undefined {
  const extension = extname(file).toLowerCase();
  for (const [name, format] of Object.entries(formats)) {
    if (format.extensions.includes(extension)) return name as FormatName;
  }
  return undefined;
}

/**
 * The format of a file, by its ending and its first bytes: `.json` may hold lines, and a file without a known
 * ending is looked into.
 */
export async function formatOf(file: string): Promise<FormatName> {
  const named = formatByExtension(file);
  if (named !== undefined && named !== 'json') return named;
  const start = await head(file);
  if (start.startsWith('PAR1')) return 'parquet';
  const first = start.trimStart().slice(0, 1);
  if (first === '[') return 'json';
  // One whole object a line is JSON Lines; an object spread over lines is not.
  if (first === '{')
    return /^\s*\{[^\n]*\}\s*(\n|$)/.test(start) || !start.includes('\n') ? 'jsonl' : 'json';
  return named ?? 'text';
}

async function head(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const bytes = Buffer.alloc(1 << 16);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
  } finally {
    await handle.close();
  }
}

// JSON files beside a tokenizer, read as objects.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';

type Json = Record<string, unknown>;

/** What the file of a checkpoint folder holds; an empty object where there is no such file. @throws as {@link parseJsonObject} */
export function readJsonObject(dir: string, name: string): Json {
  const path = join(dir, name);
  return existsSync(path) ? parseJsonObject(path, readFileSync(path)) : {};
}

/** @throws LoraShearError `TOKENIZER_INVALID` for what is no JSON object */
export function parseJsonObject(path: string, bytes: Buffer): Json {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new LoraShearError(
      'TOKENIZER_INVALID',
      `${path} is not JSON: ${(cause as Error).message}`,
      {
        hint: 'the file may be cut short or a Git LFS pointer; fetch it again',
        facts: { path },
        cause,
      },
    );
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new LoraShearError('TOKENIZER_INVALID', `${path} does not hold a JSON object`, {
      hint: 'fetch the file again',
      facts: { path },
    });
  }
  return value as Json;
}

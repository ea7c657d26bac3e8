// Which safetensors file of a model folder holds which tensor: one file, or shards with an index.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LoraShearError } from '../errors.js';
import { parseStrictJson } from './strict_json.js';

export interface WeightFiles {
  readonly files: readonly string[];
  /** What the index promises: the file of each tensor. Empty where one file holds all. */
  readonly promised: ReadonlyMap<string, string>;
}

/**
 * Paths of the weight files of the Hugging Face folder `dir`.
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED (pickles), CHECKPOINT_INVALID (broken index)
 */
export function weightFiles(dir: string): string[] {
  return [...readIndex(dir).files];
}

/** {@link weightFiles}, and which of them the index promises for each tensor. @throws as {@link weightFiles} */
export function readIndex(dir: string): WeightFiles {
  const single = join(dir, 'model.safetensors');
  const index = join(dir, 'model.safetensors.index.json');
  if (existsSync(index)) return shardsOf(dir, index);
  if (existsSync(single)) return { files: [single], promised: new Map() };
  const files = existsSync(dir) ? readdirSync(dir) : [];
  const pickle = files.find((f) => f.endsWith('.bin') || f.endsWith('.pt') || f.endsWith('.pth'));
  if (pickle !== undefined) {
    throw new LoraShearError(
      'CHECKPOINT_UNSUPPORTED',
      `${join(dir, pickle)} is a pickle, which can run code when it is read`,
      {
        hint: `convert it once: python3 -c "from transformers import AutoModelForCausalLM as M; M.from_pretrained('${dir}').save_pretrained('${dir}', safe_serialization=True)"`,
      },
    );
  }
  throw new LoraShearError('CHECKPOINT_NOT_FOUND', `${dir} holds no model.safetensors`, {
    hint: 'give a Hugging Face model folder: config.json, model.safetensors, tokenizer.json',
    facts: { files },
  });
}

function shardsOf(dir: string, index: string): WeightFiles {
  const owners = Object.entries(weightMapOf(index));
  // A name that is no plain file name could lead out of the folder.
  const bad = owners.find(([, file]) => !isFileName(file));
  if (bad) {
    const what = `has '${bad[0]}' in ${JSON.stringify(bad[1])}, which is no file of its folder`;
    throw broken(index, what);
  }
  const files = [...new Set(owners.map(([, file]) => file as string))].sort();
  const missing = files.filter((name) => !existsSync(join(dir, name)));
  if (missing.length > 0) {
    const what = `names ${missing.join(', ')}, which ${missing.length > 1 ? 'are' : 'is'} missing`;
    throw broken(index, what, 'copy or download the missing shards');
  }
  return {
    files: files.map((name) => join(dir, name)),
    promised: new Map(owners.map(([name, file]) => [name, join(dir, file as string)])),
  };
}

function weightMapOf(index: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = parseStrictJson(readFileSync(index, 'utf8'));
  } catch (thrown) {
    throw broken(index, `cannot be read: ${thrown instanceof Error ? thrown.message : ''}`);
  }
  const map = isObject(content) ? content['weight_map'] : undefined;
  if (!isObject(map)) throw broken(index, 'has no weight_map from names to files');
  return map;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const isFileName = (file: unknown): boolean =>
  typeof file === 'string' &&
  basename(file) === file &&
  !['', '.', '..'].includes(file) &&
  !/[\0\\]/.test(file);

const broken = (index: string, what: string, hint = 'copy or download the index again') =>
  new LoraShearError('CHECKPOINT_INVALID', `${index} ${what}`, { hint, facts: { path: index } });

// Which safetensors file of a model folder holds which tensor: one file, or shards with an index.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';

/**
 * Paths of the weight files of the Hugging Face folder `dir`.
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED (pickles), CHECKPOINT_INVALID (broken index)
 */
export function weightFiles(dir: string): string[] {
  const single = join(dir, 'model.safetensors');
  const index = join(dir, 'model.safetensors.index.json');
  if (existsSync(index)) return shardsOf(dir, index);
  if (existsSync(single)) return [single];
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

function shardsOf(dir: string, index: string): string[] {
  let map: unknown;
  try {
    map = (JSON.parse(readFileSync(index, 'utf8')) as { weight_map?: unknown }).weight_map;
  } catch {
    map = undefined;
  }
  if (map === null || typeof map !== 'object') {
    throw new LoraShearError('CHECKPOINT_INVALID', `${index} has no weight_map`, {
      hint: 'copy or download the index again',
    });
  }
  const names = [...new Set(Object.values(map as Record<string, string>))].sort();
  const missing = names.filter((name) => !existsSync(join(dir, name)));
  if (missing.length > 0) {
    throw new LoraShearError(
      'CHECKPOINT_INVALID',
      `${index} names ${missing.join(', ')}, which ${missing.length > 1 ? 'are' : 'is'} missing`,
      {
        hint: 'copy or download the missing shards',
      },
    );
  }
  return names.map((name) => join(dir, name));
}

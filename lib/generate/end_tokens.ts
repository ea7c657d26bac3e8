// Which tokens end a text: those of generation_config.json (there may be several), or config.json, and the tokenizer's EOS.
import { readJsonObject } from '../tokenizer/json_object.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

/** @throws LoraShearError `TOKENIZER_INVALID` when a file of `dir` is no JSON */
export function endTokens(dir: string, tokenizer: Pick<Tokenizer, 'eosId'>): number[] {
  const key = 'eos_token_id';
  const named =
    readJsonObject(dir, 'generation_config.json')[key] ?? readJsonObject(dir, 'config.json')[key];
  const all: unknown[] = [
    ...(Array.isArray(named) ? (named as unknown[]) : [named]),
    tokenizer.eosId,
  ];
  return [...new Set(all)].filter((id): id is number => Number.isInteger(id));
}

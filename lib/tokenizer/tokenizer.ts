// Text to token ids and back, as transformers' AutoTokenizer would, read from a checkpoint folder's tokenizer.json.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../errors.js';
import { Backend } from './backend.js';
import { withUnicodeWords } from './byte_level.js';
import { parseJsonObject, readJsonObject } from './json_object.js';
import {
  type SpecialIds,
  type TokenizerFiles,
  namedTokens,
  specialTokens,
} from './special_tokens.js';

export interface EncodeOptions {
  /** Add what the checkpoint's own setting adds (usually a leading BOS). Default true. */
  addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave BOS, EOS and their like out of the text. Default false, as in transformers. */
  skipSpecialTokens?: boolean;
}

export interface Tokenizer {
  /** Token ids of `text`; equal to `tokenizer(text).input_ids` in transformers. */
  encode(text: string, options?: EncodeOptions): number[];
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** The content of one id, or undefined when the vocabulary does not have it. */
  token(id: number): string | undefined;
  /** Largest id plus one. A model's embedding must have at least as many rows. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** Of the token that batches are padded with; most language models name none. */
  readonly padId: number | undefined;
  /** Contents of the special tokens by their names (`bos_token`, `eos_token`, `unk_token` …). */
  readonly namedTokens: Readonly<Record<string, string>>;
  /** Whether `encode` puts BOS in front by default. */
  readonly addBosToken: boolean;
  /** sha256 of tokenizer.json, hexadecimal. */
  readonly fingerprint: string;
}

/**
 * Reads `tokenizer.json` of a checkpoint folder, with `tokenizer_config.json`, `special_tokens_map.json`,
 * `generation_config.json` and `config.json` where they exist (for BOS, EOS and padding). What is put around a text is
 * tokenizer.json's post-processor alone: like transformers 5, `add_bos_token` beside it is not asked.
 * @throws LoraShearError `TOKENIZER_INVALID` when the file is missing, is no JSON, or describes no tokenizer.
 */
export function loadTokenizer(dir: string): Tokenizer {
  const path = join(dir, 'tokenizer.json');
  if (!existsSync(path)) throw missing(dir);
  const bytes = readFileSync(path);
  const files: TokenizerFiles = {
    tokenizerConfig: readJsonObject(dir, 'tokenizer_config.json'),
    specialTokensMap: readJsonObject(dir, 'special_tokens_map.json'),
    generationConfig: readJsonObject(dir, 'generation_config.json'),
    config: readJsonObject(dir, 'config.json'),
  };
  const backend = build(path, parseJsonObject(path, bytes), files.tokenizerConfig);
  const vocabulary = backend.get_vocab(true);
  let vocabSize = 0;
  for (const id of vocabulary.values()) vocabSize = Math.max(vocabSize, id + 1);
  const ids = specialTokens(files, (token) => backend.token_to_id(token));
  const { bosId } = ids;
  const clean = files.tokenizerConfig['clean_up_tokenization_spaces'] === true;
  return {
    encode: (text, { addSpecialTokens = true } = {}) =>
      backend.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (ids, { skipSpecialTokens = false } = {}) =>
      ids.length === 0
        ? ''
        : backend.decode(Array.from(ids), {
            skip_special_tokens: skipSpecialTokens,
            clean_up_tokenization_spaces: clean,
          }),
    token: (id) => backend.id_to_token(id),
    vocabSize,
    ...ids,
    namedTokens: withModelsOwn(namedTokens(files), ids, (id) => backend.id_to_token(id)),
    addBosToken: bosId !== undefined && backend.encode('a').ids[0] === bosId,
    fingerprint: createHash('sha256').update(bytes).digest('hex'),
  };
}

/**
 * Checks that every id the tokenizer can give has a row in an embedding of `vocabSize` rows.
 * A larger embedding is allowed (many checkpoints pad theirs).
 * @throws LoraShearError `TOKENIZER_INVALID` with both sizes.
 */
export function checkVocabulary(tokenizer: Tokenizer, vocabSize: number): void {
  const { bosId = -1, eosId = -1 } = tokenizer;
  const needed = Math.max(tokenizer.vocabSize, bosId + 1, eosId + 1);
  if (needed <= vocabSize) return;
  throw new LoraShearError(
    'TOKENIZER_INVALID',
    `the tokenizer gives ids up to ${needed - 1}, but the model's vocabulary has ${vocabSize} entries`,
    {
      hint: 'use the tokenizer.json that belongs to this checkpoint',
      facts: { tokenizer: needed, model: vocabSize },
    },
  );
}

/** Adds BOS and EOS that only the model's files name. */
function withModelsOwn(
  named: Record<string, string>,
  { bosId, eosId }: SpecialIds,
  token: (id: number) => string | undefined,
): Record<string, string> {
  const bos = bosId === undefined ? undefined : token(bosId);
  const eos = eosId === undefined ? undefined : token(eosId);
  return {
    ...(bos === undefined ? {} : { bos_token: bos }),
    ...(eos === undefined ? {} : { eos_token: eos }),
    ...named,
  };
}

type Json = Record<string, unknown>;

function build(path: string, tokenizer: Json, config: Json): Backend {
  try {
    return new Backend(withUnicodeWords(tokenizer), config);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LoraShearError('TOKENIZER_INVALID', `${path} describes no usable tokenizer: ${why}`, {
      hint: 'save the tokenizer again with transformers (AutoTokenizer…save_pretrained)',
      facts: { path },
      cause,
    });
  }
}

function missing(dir: string): LoraShearError {
  const sentencePiece = existsSync(join(dir, 'tokenizer.model'));
  const message = sentencePiece
    ? `${dir} has a SentencePiece tokenizer.model but no tokenizer.json`
    : `${dir} has no tokenizer.json`;
  return new LoraShearError('TOKENIZER_INVALID', message, {
    hint: 'write tokenizer.json with transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)',
    facts: { dir, sentencePiece },
  });
}

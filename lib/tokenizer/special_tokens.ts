// BOS, EOS and other special tokens, found in a checkpoint's files as transformers 5 finds them.

type Json = Record<string, unknown>;

/** What each file holds; an empty object where there is no such file. */
export interface TokenizerFiles {
  tokenizerConfig: Json;
  specialTokensMap: Json;
  generationConfig: Json;
  config: Json;
}

/** A function from a token's content to its id, undefined when there is no such token. */
export type Lookup = (content: string) => number | undefined;

export interface SpecialIds {
  bosId: number | undefined;
  eosId: number | undefined;
  padId: number | undefined;
}

/** Ids of BOS, EOS and padding; the tokenizer's own files come first, then the model's. */
export function specialTokens(files: TokenizerFiles, lookup: Lookup): SpecialIds {
  const find = (name: 'bos' | 'eos' | 'pad'): number | undefined => {
    const content = contentOf(files, `${name}_token`);
    if (content !== undefined) return lookup(content);
    const key = `${name}_token_id`;
    return firstId(files.generationConfig[key]) ?? firstId(files.config[key]);
  };
  return { bosId: find('bos'), eosId: find('eos'), padId: find('pad') };
}

/** Names such as `bos_token` and their contents, as transformers gives them to a chat template. */
export function namedTokens(files: TokenizerFiles): Record<string, string> {
  const names = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((name) => `${name}_token`);
  const found = names.flatMap((name) => {
    const content = contentOf(files, name);
    return content === undefined ? [] : [[name, content]];
  });
  return Object.fromEntries(found) as Record<string, string>;
}

/** `"<s>"` or `{"content": "<s>", …}`, whichever form the file has. */
function contentOf(files: TokenizerFiles, key: string): string | undefined {
  for (const file of [files.tokenizerConfig, files.specialTokensMap]) {
    const value = file[key];
    if (typeof value === 'string') return value;
    if (value !== null && typeof value === 'object' && 'content' in value) {
      return String(value.content);
    }
  }
  return undefined;
}

/** `generation_config.json` may list several end tokens; the first is the one transformers appends. */
function firstId(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'number' && Number.isInteger(first) ? first : undefined;
}

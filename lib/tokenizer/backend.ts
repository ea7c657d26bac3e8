// The part of @huggingface/tokenizers that is used. Its own declarations do not resolve in ES modules (imports without file endings).
import { Tokenizer as untyped } from '@huggingface/tokenizers';

export interface Backend {
  encode(text: string, options?: { add_special_tokens?: boolean }): { ids: number[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_vocab(withAddedTokens: boolean): Map<string, number>;
}

/** Takes what tokenizer.json and tokenizer_config.json hold; throws plain errors. */
export const Backend = untyped as unknown as new (tokenizer: object, config: object) => Backend;

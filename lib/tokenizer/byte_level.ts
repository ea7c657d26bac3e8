// GPT-2's splitting of a text into words, given to the library as a pattern: its own takes JavaScript's idea of white space.

type Json = Record<string, unknown>;

/** The pattern behind `use_regex` (tokenizers, pre_tokenizers/byte_level.rs). */
const words = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * tokenizer.json with every `ByteLevel` that splits by its built-in pattern as a `Split` by that pattern and a `ByteLevel`
 * without. The library translates patterns of a `Split` to Unicode's white space; JavaScript's `\s` has U+FEFF and lacks
 * U+0085, which gave other ids around a byte-order mark. One that adds a space in front stays as it is.
 */
export function withUnicodeWords(tokenizer: Json): Json {
  return { ...tokenizer, pre_tokenizer: split(tokenizer['pre_tokenizer']) };
}

function split(step: unknown): unknown {
  if (step === null || typeof step !== 'object') return step;
  const { type, pretokenizers, use_regex, add_prefix_space } = step as Json;
  if (type === 'Sequence' && Array.isArray(pretokenizers)) {
    return { ...step, pretokenizers: pretokenizers.map(split) };
  }
  if (type !== 'ByteLevel' || use_regex === false || add_prefix_space === true) return step;
  const pattern = { Regex: words };
  return {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern, behavior: 'Isolated', invert: false },
      { ...step, use_regex: false },
    ],
  };
}

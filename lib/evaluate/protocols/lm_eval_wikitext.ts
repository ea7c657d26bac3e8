// lm-eval's task `wikitext` 2.0: articles one by one, detokenised, perplexity by words and bytes of the original text.
import type { ScoredSequence } from '../log_likelihood.js';
import { lmEvalEncoder } from '../encode_pair.js';
import { strip, whitespace, wordCount } from '../python_text.js';
import { rollingWindows } from '../rolling_windows.js';
import type { Protocol } from './protocol.js';

export const lmEvalWikitext: Protocol = {
  description: "rolling windows over detokenised articles, as lm-eval's task wikitext",
  window: (context) => context,
  leastWindow: 1,
  cut({ whole }, length, tokenizer) {
    const pages = articles(whole);
    const { prefixId, encode } = lmEvalEncoder(tokenizer);
    const sequences: ScoredSequence[] = [];
    let [tokens, words, bytes] = [0, 0, 0];
    for (const page of pages) {
      const ids = encode(detokenised(page));
      tokens += ids.length;
      words += wordCount(page);
      bytes += Buffer.byteLength(page);
      // lm-eval puts a prefix token before what the tokenizer gives, even where that begins with BOS.
      sequences.push(...rollingWindows(prefixId === undefined ? ids : [prefixId, ...ids], length));
    }
    return { sequences, tokens, documents: pages.length, words, bytes };
  },
  metrics: (logLikelihood, _, { words, bytes }) => ({
    word_perplexity: Math.exp(-logLikelihood / words),
    byte_perplexity: Math.exp(-logLikelihood / bytes),
    bits_per_byte: -logLikelihood / bytes / Math.LN2,
  }),
  headline: 'word_perplexity',
};

/** Parts that begin with a heading of the first level, `= Title =`, as the data set wikitext_document_level has them. */
export function articles(text: string): string[] {
  const found: string[] = [];
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    const level = strip(line.replaceAll('= = =', '===').replaceAll('= =', '=='));
    if (level.startsWith('= ') && level.endsWith(' =')) {
      const page = lines.join('\n');
      if (strip(page) !== '') found.push(page);
      lines = [];
    }
    lines.push(line);
  }
  return [...found, lines.join('\n')];
}

const s = `${whitespace}*`;
const inside: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`\\(${s}([^)]*?)${s}\\)`, 'gu'), '($1)'],
  [new RegExp(`\\[${s}([^\\]]*?)${s}\\]`, 'gu'), '[$1]'],
  [new RegExp(`\\{${s}([^}]*?)${s}\\}`, 'gu'), '{$1}'],
  [new RegExp(`"${s}([^"]*?)${s}"`, 'gu'), '"$1"'],
  [new RegExp(`'${s}([^']*?)${s}'`, 'gu'), "'$1'"],
];

/** lm-eval's `wikitext_detokenizer`, rule by rule in its order, its slips included. */
export function detokenised(page: string): string {
  let text = page.replaceAll("s '", "s'").replace(/\/' [0-9]\//g, "/'[0-9]/");
  for (const mark of ['-', ',', '.']) text = text.replaceAll(` @${mark}@ `, mark);
  for (const mark of [':', ';', '.', '!', '?', ','])
    text = text.replaceAll(` ${mark} `, `${mark} `);
  for (const [pattern, to] of inside) text = text.replace(pattern, to);
  return text
    .replaceAll('= = = =', '====')
    .replaceAll('= = =', '===')
    .replaceAll('= =', '==')
    .replaceAll(' ° ', '°')
    .replaceAll(' \n', '\n')
    .replaceAll('\n ', '\n')
    .replaceAll(' N ', ' 1 ')
    .replaceAll(" 's", "'s");
}

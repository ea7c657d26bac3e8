// The paper's cleaning of pretraining text (§3.5): irregular characters out, short paragraphs out.

export interface CleaningOptions {
  /** Remove control, private, unassigned and invisible characters. Default false. */
  stripIrregular?: boolean | undefined;
  /** Keep paragraphs with more tokens than this only (the paper: 64). Default: keep all. */
  minParagraphTokens?: number | undefined;
}

/** What the paper did; not the default, because stories and dialogue have short paragraphs. */
export const paperCleaning: CleaningOptions = { stripIrregular: true, minParagraphTokens: 64 };

/** Cc but tab and line feed, Co, Cn, Cs, the replacement character, and Cf but the joiners scripts need. */
const irregular = /[\p{Co}\p{Cn}\p{Cs}\uFFFD]|(?![\t\n])\p{Cc}|(?![\u200C\u200D])\p{Cf}/gu;

/**
 * Cleaned text, '' when nothing is left. Paragraphs are parted by blank lines.
 * @param countTokens tokens of a piece of text without special tokens
 */
export function cleanText(
  text: string,
  options: CleaningOptions,
  countTokens: (text: string) => number,
): string {
  const { stripIrregular = false, minParagraphTokens } = options;
  let cleaned = text;
  if (stripIrregular) cleaned = cleaned.replace(/\r\n?/g, '\n').replace(irregular, '');
  if (minParagraphTokens === undefined) return cleaned;
  return cleaned
    .split(/\n[^\S\n]*\n\s*/)
    .filter((paragraph) => countTokens(paragraph) > minParagraphTokens)
    .join('\n\n');
}

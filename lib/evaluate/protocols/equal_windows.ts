// The windows of the pruning literature: rows joined by blank lines, tokenised once, cut into equal parts.
import type { ScoredSequence } from '../log_likelihood.js';
import { wordCount } from '../python_text.js';
import type { Protocol } from './protocol.js';

/**
 * Rows joined by "\n\n" are tokenised as one text (with BOS where the tokenizer adds one) and cut into windows that do
 * not overlap; what is left at the end does not count. In each window all tokens but the first are scored. The
 * perplexity is exp of the mean over them: windows are equal, so a mean over windows is the same.
 */
export function equalWindows(description: string, window: Protocol['window']): Protocol {
  return {
    description,
    window,
    leastWindow: 2,
    cut({ rows, whole }, length, tokenizer) {
      const ids = tokenizer.encode(rows.join('\n\n'));
      const count = Math.floor(ids.length / length);
      const sequences = Array.from({ length: count }, (_, i): ScoredSequence => ({
        tokens: ids.slice(i * length, (i + 1) * length),
        from: 1,
      }));
      const [words, bytes] = [wordCount(whole), Buffer.byteLength(whole)];
      return { sequences, tokens: ids.length, documents: 1, words, bytes };
    },
    metrics: (logLikelihood, scored) => ({ perplexity: Math.exp(-logLikelihood / scored) }),
    headline: 'perplexity',
  };
}

import t from 'tap';
import { perplexityEntry } from '../../lib/evaluate/perplexity_results.js';
import type { TextPerplexity } from '../../lib/evaluate/text_perplexity.js';
import { expectedPerplexity } from '../fixtures/perplexity.js';

const { results, version, higher_is_better, documents } =
  expectedPerplexity['lm-eval-wikitext:wikitext2'];
const metrics = Object.fromEntries(
  Object.keys(higher_is_better).map((metric) => [metric, Number(results[`${metric},none`])]),
);
const found: TextPerplexity = {
  ...{ name: 'lm-eval-wikitext:wikitext2', protocol: 'lm-eval-wikitext', text: 'wikitext2' },
  ...{ path: null, window: 512, windows: 2, documents, tokens: 600, words: 286, bytes: 1132 },
  ...{ nll: 4, metrics, headline: 'word_perplexity' },
};

t.test("when lm-eval's own task was measured, then its entry is lm-eval's", (t) => {
  const [name, entry] = perplexityEntry(found);
  t.equal(name, 'wikitext');
  t.strictSame(entry.results, results);
  t.strictSame(entry.higherIsBetter, higher_is_better);
  t.equal(entry.version, version);
  t.match(entry.config, { dataset_path: 'EleutherAI/wikitext_document_level', test_split: 'test' });
  t.end();
});

t.test('when another text or protocol was measured, then its name says which', (t) => {
  const [name, entry] = perplexityEntry({
    ...found,
    ...{ name: 'gptq@64:own', protocol: 'gptq', text: 'own', path: 'own.txt', window: 64 },
    ...{ metrics: { perplexity: 7 }, headline: 'perplexity' },
  });
  t.equal(name, 'gptq@64:own');
  t.match(entry.results, { 'perplexity,none': 7, 'perplexity_stderr,none': 'N/A' });
  t.match(entry.config, {
    dataset_path: 'own.txt',
    metadata: { protocol: 'gptq', max_length: 64 },
  });
  t.end();
});

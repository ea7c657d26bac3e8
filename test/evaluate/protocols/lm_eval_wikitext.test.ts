import { readFileSync } from 'node:fs';
import t from 'tap';
import { articles, detokenised } from '../../../lib/evaluate/protocols/lm_eval_wikitext.js';
import { expectedArticles, wikitextRaw } from '../../fixtures/perplexity.js';

t.test('when articles are detokenised, then each is what lm-eval makes of it', (t) => {
  const pages = articles(readFileSync(wikitextRaw, 'utf8'));
  t.strictSame(pages.map(detokenised), expectedArticles);
  t.end();
});

t.test('when headings are of lower levels, then they begin no article', (t) => {
  const text = ' \n = One = \n a\n = = Two = = \n b\n = Three = \n c\n';
  t.strictSame(articles(text), [' = One = \n a\n = = Two = = \n b', ' = Three = \n c\n']);
  t.strictSame(articles('no heading'), ['no heading']);
  t.end();
});

import t from 'tap';
import { perplexitySpec, specName } from '../../lib/evaluate/perplexity_spec.js';

t.test('when a perplexity is named in one word, then its parts are read', (t) => {
  t.strictSame(perplexitySpec('gptq'), { protocol: 'gptq', text: 'wikitext2' });
  t.strictSame(perplexitySpec('llm-pruner:ptb=C:/a=b.txt'), {
    protocol: 'llm-pruner',
    text: 'ptb',
    path: 'C:/a=b.txt',
  });
  t.strictSame(perplexitySpec('lm-eval-wikitext@64:own=x'), {
    protocol: 'lm-eval-wikitext',
    text: 'own',
    path: 'x',
    window: 64,
  });
  t.end();
});

t.test('when a word is no perplexity, then the error says what one looks like', (t) => {
  t.throws(() => perplexitySpec('gtpq:ptb'), {
    code: 'CONFIG_INVALID',
    message: /did you mean gptq\?/,
  });
  for (const word of ['', ':ptb', 'gptq:', 'gptq@:ptb', 'gptq@x', 'gptq:ptb=', 'toString']) {
    t.throws(() => perplexitySpec(word), { code: 'CONFIG_INVALID', hint: /gptq:wikitext2/ }, word);
  }
  t.end();
});

t.test('when a spec is named, then its file is left out', (t) => {
  for (const name of ['gptq:wikitext2', 'gptq@512:own']) {
    t.equal(specName(perplexitySpec(name)), name);
  }
  t.equal(specName(perplexitySpec('gptq:own=x.txt')), 'gptq:own');
  t.end();
});

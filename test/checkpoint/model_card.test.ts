import t from 'tap';
import { modelCard } from '../../lib/checkpoint/model_card.js';

const dense = { num_attention_heads: 8, intermediate_size: 704, hidden_size: 256 };
const cut = { ...dense, model_type: 'mistral', num_attention_heads: 6, intermediate_size: 530 };

t.test('when a card is written, then it says what was cut and how', (t) => {
  const text = modelCard(
    {
      title: 'mix-5M, 20 % smaller',
      paragraphs: ['Cut by LHSPG.'],
      facts: [['perplexity | stories', '11\n(dense 10)']],
      denseParameters: 2000,
      license: 'mit',
    },
    { dense, cut, parameters: 1500, note: 'six heads' },
  );
  t.ok(text.startsWith('---\nlibrary_name: transformers\n'));
  for (const line of [
    'license: mit',
    '# mix-5M, 20 % smaller',
    '1,500 parameters: 25.0 % of the 2,000 of the dense model were removed as whole structures.',
    'Cut by LHSPG.',
    '| query heads per layer | 8 | 6 |',
    '| MLP channels per layer | 704 | 530 |',
    '| perplexity \\| stories | 11 (dense 10) |',
    '`model_type` is `mistral`: six heads.',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
  t.notMatch(text, 'kv heads', 'what the config does not say is not said');
  t.end();
});

t.test('when little is known, then nothing is made up', (t) => {
  const text = modelCard({ title: 'x' }, { dense: {}, cut, parameters: 1500, note: undefined });
  t.notMatch(text, /license|parameters|model_type|undefined/);
  t.match(text, '| query heads per layer | – | 6 |');
  t.end();
});

import t from 'tap';
import type { CutArtefact, EvaluationArtefact } from '../../lib/artefacts.js';
import { parseJob } from '../../lib/config/parse_job.js';
import { cardOf } from '../../lib/pipeline/card.js';

const sizes = { bytes: 0, kvHeads: 0, heads: 0, channels: 0, layers: [] };
const cut: CutArtefact = {
  before: { ...sizes, parameters: 1000 },
  after: { ...sizes, parameters: 795 },
  ratio: 0.205,
  equality: { maxAbsDifference: 0, logitScale: 1, tolerance: 1 },
};
const dense: EvaluationArtefact = {
  ...{ model: 'dense', protocol: 'windows-8x2', perplexity: [], geometricMean: 12.3456 },
  ...{ tasks: {}, samples: {} },
};

t.test('when a card is made, then it says what was removed, how, and on which text', (t) => {
  const job = parseJob({
    ...{ model: 'models/tiny', seed: 7, tokens: 400_000 },
    sources: { tales: 'a', novels: 'b' },
    lhspg: { form: 'transfer', saliency: 'fluctuation' },
  });
  const text = (card: ReturnType<typeof cardOf>): string => card.paragraphs?.join(' ') ?? '';
  const card = cardOf(job, dense, cut);
  t.equal(card.title, 'tiny, 20.5 % smaller');
  t.equal(card.denseParameters, 1000);
  t.match(text(card), /tiny .*transfer form, fluctuation.* recovery on tales, novels;/);
  t.notMatch(text(card), /instructions/);
  t.strictSame(card.facts, [
    ['parameters', '795 (dense 1000)'],
    ['training tokens', '400000'],
    ['seed', '7'],
    ['dense perplexity (geometric mean)', '12.35 (windows-8x2)'],
  ]);
  const withInstructions = parseJob({ model: 'm', sources: { a: 'a' }, instruct: 'i.json' });
  t.match(text(cardOf(withInstructions, dense, cut)), /recovery on a and instructions/);
  t.end();
});

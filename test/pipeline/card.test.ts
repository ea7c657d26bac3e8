import t from 'tap';
import type { CutArtefact, EvaluationArtefact, RecoveryArtefact } from '../../lib/artefacts.js';
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

t.test('when texts were measured and stages ran, then the card has both', (t) => {
  const job = parseJob({ model: 'm', sources: { a: 'a' } });
  const text = {
    ...{ name: 'lm-eval-wikitext:wikitext2', text: 'wikitext2' },
    protocol: 'lm-eval-wikitext' as const,
    ...{
      path: null,
      window: 512,
      windows: 3,
      documents: 1,
      tokens: 9,
      words: 5,
      bytes: 30,
      nll: 2,
    },
    ...{ metrics: { bits_per_byte: 1, word_perplexity: 40.128 }, headline: 'word_perplexity' },
  };
  const stage: RecoveryArtefact = {
    ...{ stage: 'pretraining', learningRate: 0.1, seed: 0, tokens: 123, stopReason: 'converged' },
    ...{ composition: 'degradation', bestRound: 1, losses: [] },
    rounds: [0, 1, 2].map((index) => ({
      ...{ index, mixture: { a: 1 }, degradation: { a: 0 }, steps: 1, tokens: 41 },
      ...{ validation: { a: 1 }, accepted: true },
    })),
  };
  const rollbacks = [{ step: 7, backTo: 5, rate: 0.5, reason: 'the loss is no number' }];
  const card = cardOf(job, { ...dense, texts: [text] }, cut, [
    stage,
    { ...stage, stage: 'instruct', bestRound: -1, rollbacks },
  ]);
  t.strictSame(card.facts?.slice(-3), [
    ['dense word perplexity, lm-eval-wikitext:wikitext2', '40.13'],
    [
      'recovery on text',
      '123 tokens in 3 rounds, mixture degradation, ended: converged, round 2 kept',
    ],
    [
      'recovery on instructions',
      '123 tokens in 3 rounds, mixture degradation, ended: converged, the state before it kept, taken back from step 7 to 5, then 0.5 times the rate',
    ],
  ]);
  t.end();
});

// Two models side by side: differences and standard errors computed by hand.
import t, { type Test } from 'tap';
import { type Outcomes, compare } from '../../lib/evaluate/compare.js';
import type { Sample } from '../../lib/evaluate/multiple_choice.js';
import { statistics } from '../../lib/evaluate/perplexity.js';

const near = (t: Test, got: number | null | undefined, wanted: number, name: string) =>
  t.ok(Math.abs((got ?? NaN) - wanted) < 1e-12, `${name}: ${String(got)}, not ${wanted}`);

/** Documents with so many choices and these verdicts. */
const samples = (choices: number, verdicts: Record<string, number[]>): Sample[] =>
  (verdicts['acc'] ?? []).map((_, docId) => ({
    docId,
    question: {
      ...{ doc: {}, pairs: [], gold: 0, target: '0' },
      choices: Array.from({ length: choices }, String),
    },
    responses: [],
    metrics: Object.fromEntries(
      Object.entries(verdicts).map(([metric, each]) => [metric, each[docId] ?? 0]),
    ),
  }));

interface Windows {
  tokens: number[];
  nats: number[];
  words?: number;
  first?: number;
}

/** A text in windows of so many scored tokens; `first` is the token that all begin with. */
function text({ tokens, nats, words, first = 1 }: Windows): Outcomes['texts'][number] {
  const [all, scored] = [nats, tokens].map((each) => each.reduce((a, b) => a + b, 0)) as [
    number,
    number,
  ];
  const headline = words === undefined ? 'perplexity' : 'word_perplexity';
  return {
    perplexity: {
      ...{ name: 'gptq:x', protocol: 'gptq', text: 'x', path: null, window: 5, documents: 1 },
      ...{ windows: tokens.length, tokens: scored, words: words ?? 9, bytes: 99 },
      ...{
        nll: all / scored,
        headline,
        metrics: { [headline]: Math.exp(all / (words ?? scored)) },
      },
    },
    windows: tokens.map((count, i) => ({ tokens: count, nats: nats[i] ?? 0 })),
    sequences: tokens.map((count) => ({
      tokens: Array.from({ length: count + 1 }, (_, i) => (i === 0 ? first : i)),
      from: 1,
    })),
  };
}

t.test('when tasks are compared, then document by document', (t) => {
  const { tasks, means, perplexity } = compare(
    {
      model: 'small',
      tasks: [
        { task: 'piqa', samples: samples(4, { acc: [1, 1, 0, 0], acc_norm: [1, 0, 0, 0] }) },
        { task: 'winogrande', samples: samples(2, { acc: [1, 0] }) },
      ],
      texts: [],
    },
    {
      model: 'dense',
      tasks: [
        { task: 'piqa', samples: samples(4, { acc: [1, 1, 1, 0], acc_norm: [0, 0, 0, 0] }) },
        { task: 'winogrande', samples: samples(2, { acc: [1, 1] }) },
      ],
      texts: [],
    },
  );
  t.match(tasks, [
    { task: 'piqa', metric: 'acc', documents: 4, model: 0.5, against: 0.75, difference: -0.25 },
    { task: 'piqa', metric: 'acc_norm', model: 0.25, against: 0, kept: null },
    { task: 'winogrande', metric: 'acc', chance: 0.5, kept: 0.5, keptAboveChance: 0 },
  ]);
  near(t, tasks[0]?.stderr, 0.25, 'of 0, 0, −1, 0');
  near(t, tasks[0]?.kept, 2 / 3, 'kept');
  near(t, tasks[0]?.keptAboveChance, 0.5, 'of 0.75 with 0.25 by guessing, 0.5 is half');
  t.equal(tasks[1]?.keptAboveChance, null, 'a reference below chance has nothing above it');
  near(t, tasks[2]?.stderr, 0.5, 'of 0, −1');
  t.match(means, [
    { metric: 'acc', documents: 6, model: 0.5, against: 0.875, chance: 0.375 },
    { metric: 'acc_norm or acc', model: 0.375, against: 0.5 },
  ]);
  near(t, means[0]?.stderr, Math.sqrt(0.25 ** 2 + 0.5 ** 2) / 2, 'of a mean of two');
  near(t, means[0]?.keptAboveChance, 0.25, 'of the means');
  t.strictSame(perplexity, []);
  t.end();
});

t.test('when one document was asked of one task, then there is no error and no mean', (t) => {
  const one = (value: number): Outcomes => ({
    ...{ model: 'm', texts: [] },
    tasks: [{ task: 'boolq', samples: samples(2, { acc: [value] }) }],
  });
  const { tasks, means } = compare(one(0), one(1));
  t.match(tasks, [{ difference: -1, stderr: null, kept: 0, keptAboveChance: -1 }]);
  t.strictSame(means, []);
  t.end();
});

const ofTexts = (mine: Windows, theirs: Windows) =>
  compare(
    { model: 'a', tasks: [], texts: [text(mine)] },
    { model: 'b', tasks: [], texts: [text(theirs)] },
  ).perplexity[0];

t.test('when the windows are the same, then they are compared one by one', (t) => {
  const found = ofTexts({ tokens: [2, 4], nats: [4, 6] }, { tokens: [2, 4], nats: [2, 6] });
  t.match(found, { name: 'gptq:x', metric: 'perplexity', paired: true });
  near(t, found?.difference, 2 / 6, 'two nats over six tokens');
  near(t, found?.stderr, 8 / 3 / 6, 'residuals ±4/3');

  const [a, b] = [
    [3, 5, 4],
    [1, 4, 4],
  ] as const;
  const equal = ofTexts({ tokens: [2, 2, 2], nats: [...a] }, { tokens: [2, 2, 2], nats: [...b] });
  const { mean, stderr } = statistics(a.map((nats, i) => (nats - (b[i] ?? 0)) / 2));
  near(t, equal?.difference, mean, 'of equal windows: the mean');
  near(t, equal?.stderr, stderr, 'of equal windows: its standard error');
  t.equal(ofTexts({ tokens: [2], nats: [4] }, { tokens: [2], nats: [2] })?.stderr, null);
  t.end();
});

t.test('when tokens differ, then only what is counted by words compares', (t) => {
  const other = { tokens: [2, 4], nats: [2, 6], first: 7 };
  t.match(ofTexts({ tokens: [2, 4], nats: [4, 6] }, other), {
    ...{ paired: false, difference: null, stderr: null },
  });
  const found = ofTexts(
    { tokens: [2, 4], nats: [4, 6], words: 5 },
    { tokens: [3, 3], nats: [2, 6], words: 5 },
  );
  t.equal(found?.paired, false);
  near(t, found?.difference, 0.4, 'two nats over five words');
  near(t, found?.stderr, Math.hypot(4 / 3 / 5, 4 / 5), 'of two independent errors');
  t.end();
});

// Expected log-likelihoods and metrics are lm-eval's: scripts/fixtures/evaluate.py.
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { taskNames } from '../../lib/evaluate/index.js';
import { checkLimit, runTask } from '../../lib/evaluate/multiple_choice.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { expected, rowsOf, stories } from '../fixtures/evaluation.js';

const ctx = createContext();
const model = loadModel(stories);
const tokenizer = loadTokenizer(stories);
t.teardown(() => model.dispose());

for (const name of taskNames) {
  t.test(`when ${name} is run, then every log-likelihood and metric is lm-eval's`, async (t) => {
    const outcome = runTask(model, tokenizer, name, await rowsOf(name), ctx, { batchTokens: 512 });
    const { results, samples, ...counts } = expected.tasks[name];
    samples.forEach((sample, i) => {
      const { responses, metrics } = outcome.samples[i]!;
      sample.filtered_resps.forEach(([value, greedy], j) => {
        const [ours, first] = responses[j]!;
        t.ok(Math.abs(ours - Number(value)) < 1e-3, `${ours} and ${value}`);
        t.equal(first ? 'True' : 'False', greedy);
      });
      t.match(sample, metrics);
      t.equal('acc_norm' in metrics, 'acc_norm' in sample);
    });
    for (const [metric, value] of Object.entries(outcome.metrics)) {
      t.ok(Math.abs(value - Number(results[metric])) < 1e-9, metric);
    }
    t.strictSame({ original: outcome.original, effective: outcome.effective }, counts['n-samples']);
    t.equal(outcome.truncated, name === 'boolq' ? 2 : 0);
  });
}

t.test('when there is a limit, then the first documents are asked', async (t) => {
  const rows = await rowsOf('boolq');
  const run = (limit: number) => runTask(model, tokenizer, 'boolq', rows, ctx, { limit });
  const one = run(1);
  t.match(one, { original: 3, effective: 1 });
  t.strictSame(Object.keys(one.metrics), ['acc,none'], 'one document has no standard error');
  t.equal(run(0.5).effective, 2, 'a share, rounded up');
  t.equal(run(99).effective, 3);
  for (const limit of [0, -1, 1.5, NaN]) {
    t.throws(() => checkLimit(limit), { code: 'CONFIG_INVALID' });
    t.throws(() => run(limit), { code: 'CONFIG_INVALID' });
  }
});

t.test('when answers are scored, then progress says how many', async (t) => {
  const seen: [number, number][] = [];
  runTask(model, tokenizer, 'piqa', await rowsOf('piqa'), ctx, {
    progress: (...at) => seen.push(at),
  });
  t.strictSame(seen.at(-1), [4, 4]);
});

t.test('when a row is broken or there is none, then the error names task and row', async (t) => {
  const [row] = await rowsOf('boolq');
  t.throws(() => runTask(model, tokenizer, 'boolq', [row!, { ...row, label: 7 }], ctx), {
    code: 'DATA_INVALID',
    message: /^boolq, row 1: column "label"/,
    facts: { task: 'boolq', row: 1 },
  });
  t.throws(() => runTask(model, tokenizer, 'boolq', [], ctx), { code: 'DATA_EMPTY' });
});

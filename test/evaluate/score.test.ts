import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { rollingWindows } from '../../lib/evaluate/rolling_windows.js';
import { scoreText } from '../../lib/evaluate/score.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { expected, stories } from '../fixtures/evaluation.js';

const ctx = createContext();
const model = loadModel(stories);
const tokenizer = loadTokenizer(stories);
t.teardown(() => model.dispose());

for (const [length, truth] of Object.entries(expected.rolling)) {
  t.test(
    `when a text is scored in windows of ${length}, then as by lm-eval and transformers`,
    (t) => {
      const score = scoreText(model, tokenizer, expected.text, {
        ctx,
        maxLength: Number(length),
        maxTokens: 64,
      });
      t.equal(score.protocol, `rolling-${length}`);
      t.strictSame(
        score.tokens.map(({ id }) => id),
        expected.ids,
      );
      t.match(score.tokens[0], { piece: '<s>', logprob: null });
      const apart = truth.map((value, i) => Math.abs(value - score.tokens[i + 1]!.logprob!));
      t.ok(Math.max(...apart) < 1e-4, `largest difference ${Math.max(...apart)}`);
      const nll = -truth.reduce((sum, value) => sum + value, 0) / truth.length;
      t.equal(score.scored, truth.length);
      t.ok(Math.abs(score.nll - nll) < 1e-5);
      t.equal(score.perplexity, Math.exp(score.nll));
      t.end();
    },
  );
}

t.test('when no length is given, then the context of the model is the window', (t) => {
  const score = scoreText(model, tokenizer, 'Once upon a time', { ctx });
  t.equal(score.protocol, 'rolling-512');
  t.end();
});

t.test('when a token has no name, then its piece is empty', (t) => {
  const nameless = { ...tokenizer, token: () => undefined };
  t.equal(scoreText(model, nameless, 'Once', { ctx }).tokens[1]?.piece, '');
  t.end();
});

t.test('when the text is too short or the window is none, then that is an error', (t) => {
  t.throws(() => scoreText(model, tokenizer, '', { ctx }), { code: 'DATA_EMPTY' });
  for (const maxLength of [0, 2.5, 513]) {
    t.throws(() => scoreText(model, tokenizer, 'Once upon', { ctx, maxLength }), {
      code: 'CONFIG_INVALID',
    });
  }
  t.end();
});

t.test('when a text is cut, then every token but the first is scored once', (t) => {
  const ids = [10, 11, 12, 13, 14, 15, 16, 17];
  t.strictSame(rollingWindows(ids, 3), [
    { tokens: [10, 11, 12, 13], from: 1 },
    { tokens: [13, 14, 15, 16], from: 1 },
    { tokens: [14, 15, 16, 17], from: 3 },
  ]);
  t.strictSame(rollingWindows(ids, 100), [{ tokens: ids, from: 1 }]);
  t.strictSame(rollingWindows([10], 3), []);
  t.end();
});

import t, { type Test } from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { generate } from '../../lib/generate/generate.js';
import { logProbabilities, scoreSequences } from '../../lib/evaluate/log_likelihood.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { expected, stories } from '../fixtures/evaluation.js';

const ctx = createContext();
const model = loadModel(stories);
t.teardown(() => model.dispose());

/** float32 sums in another order: 1e-4 of log-probabilities up to 20. */
function close(t: Test, got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  t.equal(got.length, wanted.length);
  const apart = Array.from(got, (value, i) => Math.abs(value - wanted[i]!));
  t.ok(Math.max(...apart) < 1e-4, `largest difference ${Math.max(...apart)}`);
}

const truth = expected.rolling['512']!; // of ids[1…]

t.test('when a text is scored, then the values are those of transformers', (t) => {
  const [scores] = logProbabilities(model, [expected.ids], ctx);
  close(t, scores!, truth);
  t.end();
});

t.test('when sequences of many lengths are scored together, then padding changes nothing', (t) => {
  const { ids } = expected;
  const sequences = [ids.slice(0, 5), ids, ids.slice(0, 2), ids.slice(0, 1), [], ids.slice(0, 12)];
  const seen: number[] = [];
  const progress = (done: number, total: number): void => {
    t.equal(total, 6);
    seen.push(done);
  };
  // 40 tokens: the text alone, the others together; 700 logits: one position at a time
  const scores = logProbabilities(model, sequences, ctx, {
    maxTokens: 40,
    maxLogits: 700,
    progress,
  });
  sequences.forEach(({ length }, i) =>
    close(t, scores[i]!, truth.slice(0, Math.max(0, length - 1))),
  );
  t.strictSame(seen, [3, 6], 'what has nothing to score is done at once');
  t.end();
});

t.test('when only the end is asked for, then only it is scored', (t) => {
  const [tail] = scoreSequences(model, [{ tokens: expected.ids, from: 20 }], ctx);
  close(t, tail!.logProbabilities, truth.slice(19));
  t.equal(tail!.greedy, null, 'not asked for');
  t.end();
});

t.test('when sequences differ in the last token only, then each has its own score', (t) => {
  const start = expected.ids.slice(0, 6);
  const [next] = generate(model, start, { maxNewTokens: 1 });
  const other = next === 5 ? 6 : 5;
  const sequences = [other, next!, other].map((last) => ({ tokens: [...start, last], from: 6 }));
  let passes = 0;
  const counting = { ...ctx, checkpoint: () => (passes += 1) };
  const scores = scoreSequences(model, sequences, counting, { greedy: true, maxTokens: 6 });
  t.equal(passes, 1, 'one row serves all three');
  t.strictSame(
    scores.map(({ greedy }) => greedy),
    [false, true, false],
  );
  const [first, best, third] = scores.map(({ logProbabilities: [value] }) => value!);
  t.equal(first, third);
  t.ok(best! > first!);
  t.end();
});

t.test('when several tokens are compared, then one other choice is enough to say no', (t) => {
  const start = expected.ids.slice(0, 4);
  const greedy = [...generate(model, start, { maxNewTokens: 6 })];
  const changed = greedy.with(2, greedy[2] === 5 ? 6 : 5);
  const scores = scoreSequences(
    model,
    [greedy, changed].map((rest) => ({ tokens: [...start, ...rest], from: 4 })),
    ctx,
    { greedy: true },
  );
  t.strictSame(
    scores.map((score) => score.greedy),
    [true, false],
  );
  t.end();
});

t.test('when answers follow one question, then each scores as it does alone', (t) => {
  const { ids } = expected;
  const answers = [ids.slice(20, 26), ids.slice(21, 29), ids.slice(20, 23), [ids[30]!]];
  const sequences = [
    ...answers.map((answer) => ({ tokens: [...ids.slice(0, 14), ...answer], from: 14 })),
    { tokens: ids.slice(2, 30), from: 1 }, // another text, longer
    { tokens: ids.slice(0, 14), from: 9 }, // the question itself
  ];
  let passes = 0;
  const counting = { ...ctx, checkpoint: () => (passes += 1) };
  const together = scoreSequences(model, sequences, counting, { greedy: true });
  t.equal(passes, 1);
  sequences.forEach((sequence, i) => {
    const [alone] = scoreSequences(model, [sequence], ctx, { greedy: true });
    close(t, together[i]!.logProbabilities, alone!.logProbabilities);
    t.equal(together[i]!.greedy, alone!.greedy);
  });
  t.end();
});

t.test('when the user stops, then no further batch is computed', (t) => {
  let asked = 0;
  const stopping = createContext({ aborted: () => ++asked > 1 });
  const sequences = [expected.ids, expected.ids.slice(0, 9)];
  t.throws(() => logProbabilities(model, sequences, stopping, { maxTokens: 1 }), {
    code: 'RUN_ABORTED',
  });
  t.equal(asked, 2);
  t.end();
});

t.test('when scoring is over, then no tensor is left', (t) => {
  const score = () =>
    scoreSequences(model, [{ tokens: expected.ids, from: 1 }], ctx, { greedy: true });
  score(); // the rotation table of this length stays with the model
  const before = tensorCount();
  score();
  t.equal(tensorCount(), before);
  t.end();
});

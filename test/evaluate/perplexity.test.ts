import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { perplexity, perplexityProtocol, statistics } from '../../lib/evaluate/perplexity.js';
import { expected, stories } from '../fixtures/evaluation.js';

const ctx = createContext();
const model = loadModel(stories);
t.teardown(() => model.dispose());
const ids = Int32Array.from(expected.ids);

t.test(
  'when windows are scored, then nll and its error are those of the baseline in Python',
  (t) => {
    const { length, windows, nll, stderr } = expected.windows;
    const done: string[] = [];
    const report = perplexity(
      model,
      [
        { name: 'a', ids },
        { name: 'b', ids: ids.slice(0, 2 * length + 1) },
      ],
      ctx,
      { length, windows, maxTokens: 16, progress: (n, total) => done.push(`${n}/${total}`) },
    );
    const [a, b] = report.rows;
    t.equal(report.protocol, 'windows-16x3');
    t.match(a, { source: 'a', tokens: windows * (length - 1) });
    t.ok(Math.abs(a!.nll - nll) < 1e-5 && Math.abs(a!.stderr - stderr) < 1e-5);
    t.equal(a!.perplexity, Math.exp(a!.nll));
    t.equal(b!.tokens, 2 * (length - 1), 'a short source gives what it has');
    t.ok(Math.abs(report.geometricMean - Math.sqrt(a!.perplexity * b!.perplexity)) < 1e-9);
    t.strictSame(done, ['1/5', '2/5', '3/5', '4/5', '5/5']);
    t.end();
  },
);

t.test('when nothing is said, then the protocol is windows-256x48', (t) => {
  const long = Int32Array.from({ length: 300 }, (_, i) => ids[i % ids.length]!);
  const report = perplexity(model, [{ name: 'a', ids: long }], ctx);
  t.equal(report.protocol, perplexityProtocol(256, 48));
  t.match(report.rows, [{ tokens: 255, stderr: 0 }]);
  t.end();
});

t.test('when a source is shorter than a window, then the error says what is needed', (t) => {
  t.throws(
    () => perplexity(model, [{ name: 'tiny', ids: ids.slice(0, 16) }], ctx, { length: 16 }),
    {
      code: 'DATA_EMPTY',
      message: /"tiny" has 16 validation tokens; one window needs 17/,
    },
  );
  t.end();
});

t.test('when values are summed up, then the error of the mean is that of lm-eval', (t) => {
  t.strictSame(statistics([1, 0, 0, 0]), { mean: 0.25, stderr: 0.25 });
  t.strictSame(statistics([3]), { mean: 3, stderr: 0 });
  t.end();
});

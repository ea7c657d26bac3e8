// Probabilities as transformers' logits processors leave them (scripts/fixtures/sampling.py).
import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  type SamplingOptions,
  createSampler,
  distribution,
  draws,
} from '../../lib/generate/sampler.js';

const fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/sampling.json', import.meta.url), 'utf8'),
) as {
  tokens: number[];
  logits: number[][];
  cases: { logits: number; options: SamplingOptions; kept: [number, number][] }[];
};
const row = (which: number) => Float32Array.from(fixture.logits[which]!);

t.test('when logits are cut, then what is left and how probable is as in transformers', (t) => {
  for (const { logits, options, kept } of fixture.cases) {
    const found = distribution(row(logits), fixture.tokens, options);
    const label = `${logits} ${JSON.stringify(options)}`;
    const left = [...found.entries()].filter(([, p]) => p > 0);
    t.equal(left.length, kept.length, label);
    // Which of equal ones a cut leaves is the order of an unstable sort.
    const tied = new Set(fixture.logits[logits]).size < fixture.logits[logits]!.length;
    const sorted = (all: [number, number][]) => (tied ? all.sort((a, b) => a[1] - b[1]) : all);
    const expected = sorted(kept);
    const worst = sorted(left).map(([i, p], k) => {
      const [id, q] = expected[k]!;
      return tied || i === id ? Math.abs(p - q) : Infinity;
    });
    t.ok(Math.max(...worst) < 1e-6, label);
  }
  t.end();
});

t.test('when tokens are drawn, then as often as they are probable, by the seed alone', (t) => {
  const options = { temperature: 0.8, topK: 6, seed: 11 };
  const expected = distribution(row(0), [], options);
  const [sampler, again] = [createSampler(options), createSampler(options)];
  const counts = new Map<number, number>();
  const n = 20_000;
  for (let i = 0; i < n; i++) {
    const id = sampler(row(0), []);
    if (i < 100) t.equal(again(row(0), []), id);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const [id, p] of expected.entries()) {
    const share = (counts.get(id) ?? 0) / n;
    // Five standard deviations of a share.
    t.ok(Math.abs(share - p) <= 5 * Math.sqrt((p * (1 - p)) / n), `${id}: ${share} for ${p}`);
  }
  t.end();
});

t.test('when nothing asks to draw, then the first choice is taken, after the penalty', (t) => {
  const logits = [1, 5, 4.9, -2];
  const first = (options: SamplingOptions, tokens: number[] = []) =>
    createSampler(options)(Float32Array.from(logits), tokens);
  t.equal(first({}), 1);
  t.equal(first({ temperature: 0, seed: 3 }), 1);
  t.equal(first({ repetitionPenalty: 1.5 }, [1, 1, 99]), 2);
  t.equal(first({ topK: 1 }), 1, 'drawn from one');
  t.strictSame(
    [{}, { seed: 4 }, { temperature: 0, topK: 3 }, { topK: 3 }, { temperature: 1 }].map(draws),
    [false, false, false, true, true],
  );
  t.end();
});

t.test('when logits are no numbers, then that is said, also greedily', (t) => {
  for (const options of [{}, { temperature: 1 }]) {
    for (const bad of [
      [1, NaN],
      [NaN, 1],
      [-Infinity, -Infinity],
      [Infinity, 1],
    ]) {
      const sampler = createSampler(options);
      t.throws(() => sampler(Float32Array.from(bad), []), { code: 'CHECKPOINT_INVALID' });
    }
  }
  t.end();
});

t.test('when an option is out of its range, then CONFIG_INVALID names it', (t) => {
  const wrong: [SamplingOptions, RegExp][] = [
    [{ temperature: -1 }, /temperature is -1/],
    [{ temperature: NaN }, /temperature/],
    [{ topK: 1.5 }, /top-k/],
    [{ topK: 0 }, /top-k/],
    [{ topP: 0 }, /top-p is 0/],
    [{ topP: 1.01 }, /top-p/],
    [{ minP: 2 }, /min-p/],
    [{ repetitionPenalty: 0 }, /repetition-penalty/],
    [{ seed: -1 }, /seed/],
  ];
  for (const [options, message] of wrong) {
    t.throws(() => createSampler(options), { code: 'CONFIG_INVALID', message, hint: String });
  }
  t.end();
});

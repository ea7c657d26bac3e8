import t from 'tap';
import { segmentsOf } from '../../lib/lhspg/state.js';

t.test(
  'when steps are divided, then the warm-up comes first and the periods share the rest',
  (t) => {
    t.strictSame(segmentsOf({ steps: 12, warmupSteps: 2, periods: 3 }), [
      { kind: 'warmup', index: -1, steps: 2 },
      { kind: 'period', index: 0, steps: 3 },
      { kind: 'period', index: 1, steps: 3 },
      { kind: 'period', index: 2, steps: 4 },
    ]);
    t.end();
  },
);

t.test('when there is no warm-up, then the first period is the first segment', (t) => {
  const [first] = segmentsOf({ steps: 4, warmupSteps: 0, periods: 2 });
  t.strictSame(first, { kind: 'period', index: 0, steps: 2 });
  t.end();
});

t.test('when there are no steps, then every period is there, of no step', (t) => {
  t.strictSame(
    segmentsOf({ steps: 0, warmupSteps: 0, periods: 2 }).map(({ kind, steps }) => [kind, steps]),
    [
      ['period', 0],
      ['period', 0],
    ],
  );
  t.end();
});

t.test(
  'when there are rounds, then training alone lies between them and all steps are used',
  (t) => {
    t.strictSame(segmentsOf({ steps: 22, warmupSteps: 2, periods: 4, rounds: 2, restShare: 0.3 }), [
      { kind: 'warmup', index: -1, steps: 2 },
      { kind: 'period', index: 0, steps: 3 },
      { kind: 'period', index: 1, steps: 4 },
      { kind: 'rest', index: 0, steps: 6 },
      { kind: 'period', index: 2, steps: 3 },
      { kind: 'period', index: 3, steps: 4 },
    ]);
    for (const steps of [0, 3, 10, 57]) {
      for (const periods of [1, 2, 5, 7]) {
        for (const rounds of [1, 2, 3, 9]) {
          const options = {
            steps,
            warmupSteps: Math.min(2, steps),
            periods,
            rounds,
            restShare: 0.4,
          };
          const segments = segmentsOf(options);
          const total = segments.reduce((sum, segment) => sum + segment.steps, 0);
          t.equal(total, steps, JSON.stringify(options));
          t.strictSame(
            segments.filter(({ kind }) => kind === 'period').map(({ index }) => index),
            Array.from({ length: periods }, (_, p) => p),
          );
          t.equal(segments.at(-1)?.kind, 'period', 'the cut comes last');
        }
      }
    }
    t.end();
  },
);

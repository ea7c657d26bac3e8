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

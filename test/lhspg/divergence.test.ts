import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../../lib/context.js';
import type { RunEvent } from '../../lib/events.js';
import { hasDiverged } from '../../lib/train/divergence.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { inFolder, pruned } from '../fixtures/lhspg_run.js';
import { snapshot, stoppingContext } from '../fixtures/tiny_training.js';

t.test(
  'when losses stay a nat above the first and above those of an empty head, then training has diverged',
  (t) => {
    const limit = Math.log(32) + 1;
    const bad = limit + 0.1;
    const diverges = (losses: readonly number[]): boolean =>
      hasDiverged(
        losses.map((loss) => ({ loss })),
        32,
      );
    t.notOk(diverges([]));
    t.notOk(diverges([3, bad, bad, bad, bad]), 'one was good');
    t.ok(diverges([3, bad, bad, bad, bad, bad]));
    t.notOk(diverges([3, 3, 3, 3, limit + 1, limit + 2]), 'on average');
    t.notOk(diverges([bad, bad, bad, bad, bad, bad]), 'it began there');
    t.ok(diverges([bad, ...Array<number>(5).fill(bad + 1.1)]));
    let read = 0;
    const long = new Proxy(
      Array.from({ length: 10_000 }, () => ({ loss: 3 })),
      {
        get: (losses, key, self): unknown => {
          if (typeof key === 'string' && /^\d+$/.test(key)) read++;
          return Reflect.get(losses, key, self) as unknown;
        },
      },
    );
    t.notOk(hasDiverged(long, 32));
    t.ok(read < 10, `a long run is not read again: ${read} losses`);
    t.end();
  },
);

t.test(
  'when the loss is never finite, then the run goes back once and stops the second time',
  (t) => {
    inFolder((dir) => {
      const events: RunEvent[] = [];
      const before = tensorCount();
      t.throws(
        () =>
          pruned(createContext({ emit: (event) => events.push(event) }), dir, {
            learningRate: 1e30,
            steps: 30,
          }),
        {
          code: 'PRUNE_DIVERGED',
          message: /also at half the learning rate/,
          facts: { rollbacks: [{ rate: 0.5 }] },
        },
      );
      t.equal(tensorCount(), before);
      t.equal(events.filter(({ type }) => type === 'warning').length, 1);
    });
    t.end();
  },
);

t.test(
  'when one batch breaks the training, then the run ends as one that went on at half the rate from the last good period',
  (t) => {
    inFolder((dir) => {
      for (const breaksAt of [1, 4, 7]) {
        const run = (name: string, stopAt?: number) => {
          const { ctx, passed } = stoppingContext(stopAt);
          return {
            passed,
            go: () => pruned(ctx, join(dir, `${breaksAt}-${name}`), {}, { breaksAt }),
          };
        };
        const whole = run('whole');
        const { model, result } = whole.go();
        const [rollback, ...more] = result.rollbacks;
        t.strictSame(more, []);
        t.equal(rollback?.step, breaksAt);
        // warm-up of 2 steps, then periods of 3, 3 and 4
        t.equal(rollback?.backTo, breaksAt < 2 ? 0 : breaksAt < 5 ? 2 : 5);
        t.strictSame(
          result.losses.map(({ step }) => step),
          Array.from({ length: 12 }, (_, i) => i + 1),
        );
        const expected = snapshot(model);
        model.dispose();
        for (let stop = 2; stop < whole.passed(); stop += 3) {
          t.throws(run(`stop-${stop}`, stop).go, { code: 'RUN_ABORTED' });
          const resumed = run(`stop-${stop}`).go();
          t.strictSame(snapshot(resumed.model), expected, `stopped at checkpoint ${stop}`);
          resumed.model.dispose();
        }
      }
    });
    t.end();
  },
);

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../../lib/context.js';
import { createSampler } from '../../lib/data/sampler.js';
import type { RunEvent } from '../../lib/events.js';
import type { Model } from '../../lib/models/model.js';
import type { Feed } from '../../lib/recovery/feed.js';
import { pretrainingFeed } from '../../lib/recovery/pretraining_feed.js';
import { type RecoveryOptions, recover } from '../../lib/recovery/recover.js';
import { stopReason } from '../../lib/recovery/stop_rules.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scale_ } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { allAtOnce } from '../../lib/train/memory.js';
import { inFolder } from '../fixtures/lhspg_run.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { madeUpText, snapshot, sourceOf, stoppingContext } from '../fixtures/tiny_training.js';

const options: RecoveryOptions = {
  ...{ stage: 'pretraining', rounds: 3, steps: 12, warmupSteps: 2, learningRate: 0.02 },
  ...{ lora: { r: 2, alpha: 4 }, eta: 0.3, tolerance: 0, distill: 0, seed: 5 },
  ...{ memory: allAtOnce, saveEvery: 3 },
};

/** Two sources of `sizes` windows, drawn two at a time; what each batch held is pushed to `drawn`. */
function feedOf(sizes: readonly [number, number], drawn: string[][] = []): Feed {
  const sources = [sourceOf('x', 1, 12, sizes[0]), sourceOf('y', 2, 12, sizes[1])];
  const inner = pretrainingFeed(
    createContext(),
    createSampler({ sources, seed: 3, documents: true }),
    [
      { name: 'x', ids: madeUpText(60, 1) },
      { name: 'y', ids: madeUpText(60, 2) },
    ],
    { batch: 2, validationWindows: 2 },
  );
  return {
    ...inner,
    beginRound(shares) {
      drawn.push([]);
      inner.beginRound(shares);
    },
    next() {
      const batch = inner.next();
      for (const row of [0, 12]) drawn.at(-1)?.push(batch.ids.slice(row, row + 12).join());
      return batch;
    },
  };
}

function recovered(
  feed: Feed,
  stateDir: string,
  changed: Partial<RecoveryOptions> = {},
  ctx = createContext(),
): { artefact: ReturnType<typeof recover>; weights: Record<string, string> } {
  using model = randomLlama({ seed: 2 });
  const dense = { x: 1, y: 2 };
  const input = { model, teacher: null, feed, dense, stateDir };
  const artefact = recover(ctx, input, { ...options, ...changed });
  return { artefact, weights: snapshot(model) };
}

t.test('when a source is smaller than its share, then a round takes all it has, once', (t) => {
  inFolder((dir) => {
    const drawn: string[][] = [];
    const events: RunEvent[] = [];
    const ctx = createContext({ emit: (e) => events.push(e) });
    const { artefact } = recovered(feedOf([2, 40], drawn), dir, { mixture: 'uniform' }, ctx);
    t.equal(artefact.composition, 'uniform');
    t.equal(drawn.length, 3);
    for (const [i, windows] of drawn.entries()) {
      t.equal(windows.length, 8);
      t.equal(new Set(windows).size, 8, 'no window twice');
      const { mixture, wanted, repeats, useful } = artefact.rounds[i]!;
      t.strictSame(
        [mixture, wanted],
        [
          { x: 0.25, y: 0.75 },
          { x: 0.5, y: 0.5 },
        ],
      );
      t.strictSame([repeats, useful], [undefined, 1]);
    }
    const told = events.flatMap((e) => (e.type === 'warning' ? e.message : []));
    t.equal(told.length, 3);
    t.match(told[0], /recover-pretraining, round 1: x has less than its share/);
  });
  t.end();
});

t.test('when all sources together are too small, then it is said that samples come again', (t) => {
  inFolder((dir) => {
    const drawn: string[][] = [];
    const { artefact } = recovered(feedOf([2, 4], drawn), dir);
    t.ok(artefact.rounds.every(({ repeats }) => repeats));
    for (const windows of drawn) {
      t.equal(new Set(windows.slice(0, 6)).size, 6, 'all come before any comes again');
      t.equal(windows.length, 8);
    }
    t.match(artefact.rounds[0]?.mixture, { x: 2 / 6, y: 4 / 6 });
  });
  t.end();
});

t.test('when shares move from round to round, then they start from those composed before', (t) => {
  inFolder((dir) => {
    const { artefact } = recovered(feedOf([3, 40]), dir, { mixture: 'sheared' });
    const { rounds } = artefact;
    const composed = rounds.map(({ wanted, mixture }) => wanted ?? mixture);
    t.ok(Math.abs((composed[0]?.['x'] ?? NaN) - (3 * ratioOf(0)) / (3 * ratioOf(0) + 40)) < 1e-3);
    for (const i of [1, 2]) {
      const odds = (q: Readonly<Record<string, number>> = {}): number => q['x']! / q['y']!;
      const ratio = odds(composed[i]) / odds(composed[i - 1]);
      t.ok(Math.abs(ratio / ratioOf(i) - 1) < 1e-3, `${ratio}, ${ratioOf(i)}`);
    }

    /** exp of the excess of x over that of y when round i began. */
    function ratioOf(i: number): number {
      const { degradation } = rounds[i]!;
      return Math.exp(Math.max(0, degradation['x']!) - Math.max(0, 2 * degradation['y']!));
    }
  });
  t.end();
});

t.test('when time is up, then the round is measured as it is, and the best state kept', (t) => {
  inFolder((dir) => {
    const { artefact } = recovered(feedOf([40, 40]), dir, { maxSeconds: 1e-9 });
    t.equal(artefact.stopReason, 'time is up');
    t.strictSame([artefact.rounds.length, artefact.losses.length], [1, 1]);
    t.ok((artefact.seconds ?? 0) > 0);
    const unlimited = recovered(feedOf([40, 40]), join(dir, 'b'), { maxSeconds: 1e6 });
    t.equal(unlimited.artefact.stopReason, 'all rounds done');
    const plain = recovered(feedOf([40, 40]), join(dir, 'c'));
    t.notOk('seconds' in plain.artefact);
    t.strictSame(plain.weights, unlimited.weights);
    // time that a run took before it was stopped counts
    const stopped = join(dir, 'd');
    const { ctx } = stoppingContext(9);
    t.throws(() => recovered(feedOf([40, 40]), stopped, { maxSeconds: 1e6 }, ctx));
    const late = recovered(feedOf([40, 40]), stopped, { maxSeconds: 1e-9 }).artefact;
    t.ok(late.losses.length > 1 && late.stopReason === 'time is up');
  });
  t.end();
});

t.test('when rounds do not help, then patience decides how many are tried', (t) => {
  const entry = (degradation: Record<string, number>) =>
    ({ degradation }) as unknown as Parameters<typeof stopReason>[0]['rounds'][number];
  const state = { round: 2, bestRound: -1, rounds: [1, 2, 3].map((x) => entry({ x })) };
  const rules = { tolerance: 0.01, patience: 3 };
  t.equal(stopReason(state, { x: 4 }, rules), 'validation worsened');
  t.equal(stopReason(state, { x: 4 }, { ...rules, patience: 4 }), '');
  t.equal(stopReason({ ...state, bestRound: 0 }, { x: 4 }, rules), '');
  const still = { round: 1, bestRound: 1, rounds: [entry({ x: 1 }), entry({ x: 1.001 })] };
  t.equal(stopReason(still, { x: 1.002 }, rules), 'converged');
  t.end();
});

/** A feed that spoils the model's factors at the steps numbered so, from 1. */
function spoiling(model: () => Model, steps: readonly number[]): Feed {
  const feed = feedOf([40, 40]);
  let step = 0;
  return {
    ...feed,
    next() {
      if (steps.includes(++step)) {
        const last = [...model().linears().values()].at(-1);
        noGrad(() => scoped(() => void scale_(last!.lora!.A, NaN)));
      }
      return feed.next();
    },
  };
}

t.test('when the loss is no number, then the round begins again at half the rate, once', (t) => {
  inFolder((dir) => {
    const before = tensorCount();
    const run = (steps: readonly number[], stateDir: string, ctx = createContext()) => {
      using model = randomLlama({ seed: 2 });
      const feed = spoiling(() => model, steps);
      const input = { model, teacher: null, feed, dense: { x: 1, y: 2 }, stateDir };
      const artefact = recover(ctx, input, options);
      return { artefact, weights: snapshot(model) };
    };
    const events: RunEvent[] = [];
    const ctx = createContext({ emit: (e) => events.push(e) });
    const { artefact } = run([7], join(dir, 'once'), ctx);
    t.match(artefact.rollbacks, [
      { step: 6, backTo: 4, rate: 0.5, reason: 'the training loss became NaN' },
    ]);
    t.equal(artefact.losses.length, 12, 'the steps in vain are not told');
    const rates = events.flatMap((e) => (e.type === 'metric' ? [[e.step, e.values['lr']]] : []));
    const at = (step: number) => rates.filter(([s]) => s === step).map(([, lr]) => Number(lr));
    t.strictSame([at(5).length, at(4).length], [2, 1]);
    t.ok(Math.abs(at(5)[1]! / at(5)[0]! - 0.5) < 1e-12);
    t.ok(artefact.rounds.every(({ validation }) => Number.isFinite(validation['x'])));
    t.ok(existsSync(join(dir, 'once', 'good')));
    t.match(
      events.filter(({ type }) => type === 'warning'),
      [{ message: /became NaN at step 6: back to step 4, on at half the learning rate/ }],
    );
    t.throws(() => run([7, 9], join(dir, 'twice')), {
      code: 'PRUNE_DIVERGED',
      message: /became NaN, also at half the learning rate/,
    });
    t.equal(tensorCount(), before);
  });
  t.end();
});

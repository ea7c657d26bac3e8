import { cpSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Context, createContext } from '../../lib/context.js';
import { createSampler } from '../../lib/data/sampler.js';
import type { RunEvent } from '../../lib/events.js';
import type { Model } from '../../lib/models/model.js';
import type { Feed } from '../../lib/recovery/feed.js';
import { mixture } from '../../lib/recovery/mixtures/degradation.js';
import { pretrainingFeed } from '../../lib/recovery/pretraining_feed.js';
import { type RecoveryOptions, recover } from '../../lib/recovery/recover.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { distillationLoss, predictions, tokensOf } from '../../lib/train/language_model_loss.js';
import { allAtOnce } from '../../lib/train/memory.js';
import { inFolder } from '../fixtures/lhspg_run.js';
import { randomLlama } from '../fixtures/random_llama.js';
import {
  batchOf,
  madeUpText,
  snapshot,
  sourceOf,
  stoppingContext,
} from '../fixtures/tiny_training.js';

const options: RecoveryOptions = {
  stage: 'pretraining',
  rounds: 3,
  steps: 11,
  warmupSteps: 2,
  learningRate: 0.02,
  lora: { r: 2, alpha: 4 },
  eta: 0.3,
  tolerance: 0,
  distill: 0,
  seed: 5,
  memory: allAtOnce,
  saveEvery: 3,
};
const dense = { x: 1, y: 2 };

const textFeed = (ctx: Context): Feed =>
  pretrainingFeed(
    ctx,
    createSampler({ sources: [sourceOf('x', 1), sourceOf('y', 2)], seed: 3 }),
    [
      { name: 'x', ids: madeUpText(60, 1) },
      { name: 'y', ids: madeUpText(60, 2) },
    ],
    { batch: 2, validationWindows: 2 },
  );

const logits = (model: Model): number[] =>
  noGrad(() => scoped(() => model.forward(tokensOf(batchOf(9))).toArray()));

/** A feed whose validation says what the script says, and remembers the mixtures and the models it saw. */
function scripted(losses: readonly number[]): {
  feed: Feed;
  seen: number[][];
  mixtures: unknown[];
} {
  const inner = textFeed(createContext());
  const seen: number[][] = [];
  const mixtures: unknown[] = [];
  const feed: Feed = {
    ...inner,
    beginRound(shares) {
      mixtures.push(shares);
      inner.beginRound(shares);
    },
    validate(model) {
      seen.push(logits(model));
      const loss = losses[seen.length - 1] ?? NaN;
      return { x: loss, y: loss };
    },
  };
  return { feed, seen, mixtures };
}

/** Recovers a fresh model. */
function recovered(
  ctx: Context,
  stateDir: string,
  {
    feed = textFeed(ctx),
    teacher = null,
    ...changed
  }: Partial<RecoveryOptions> & { feed?: Feed; teacher?: Model | null } = {},
): { model: Model; artefact: ReturnType<typeof recover> } {
  const model = randomLlama({ seed: 2 });
  try {
    const artefact = recover(
      ctx,
      { model, teacher, feed, dense, stateDir },
      { ...options, ...changed },
    );
    return { model, artefact };
  } catch (thrown) {
    model.dispose();
    throw thrown;
  }
}

const worst = (a: number[], b: number[] = []): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? NaN))));

t.test(
  'when a model recovers, then its loss falls, the steps are shared by the rounds and no LoRA is left',
  (t) => {
    inFolder((dir) => {
      const before = tensorCount();
      const events: RunEvent[] = [];
      const start = randomLlama({ seed: 2 });
      const first = textFeed(createContext()).validate(start);
      const { model, artefact } = recovered(createContext({ emit: (e) => events.push(e) }), dir, {
        steps: 41,
      });
      const last = textFeed(createContext()).validate(model);
      t.ok(last['x']! < first['x']! && last['y']! < first['y']!, JSON.stringify([first, last]));
      t.strictSame(
        artefact.rounds.map(({ steps, tokens }) => [steps, tokens]),
        [
          [14, 14 * 24],
          [14, 14 * 24],
          [13, 13 * 24],
        ],
      );
      t.equal(artefact.tokens, 41 * 24);
      t.equal(artefact.losses.length, 41);
      t.equal(artefact.stopReason, 'all rounds done');
      t.equal(artefact.bestRound, 2);
      const best = artefact.rounds[2]?.validation ?? {};
      for (const name of ['x', 'y']) {
        t.ok(
          Math.abs((best[name] ?? NaN) - last[name]!) < 1e-5,
          'the merged model is the one that was measured',
        );
        t.equal(
          artefact.rounds[0]?.degradation[name],
          (first[name]! - dense[name as 'x']) / dense[name as 'x'],
        );
      }
      for (const [i, round] of artefact.rounds.entries()) {
        t.strictSame(
          round.mixture,
          mixture(round.degradation, options.eta),
          'composed by what suffered',
        );
        const previous = artefact.rounds[i - 1]?.validation;
        if (previous)
          t.equal(round.degradation['y'], (previous['y']! - 2) / 2, 'of the round before');
      }
      t.ok([...model.linears().values()].every(({ lora }) => lora === null));
      t.equal(events.filter(({ type }) => type === 'metric').length, 41);
      start.dispose();
      model.dispose();
      t.equal(tensorCount(), before, 'nothing leaks');
    });
    t.end();
  },
);

t.test('when validation worsens, then the best state is kept and the rounds end', (t) => {
  inFolder((dir) => {
    const { feed, seen } = scripted([3, 2, 2.5, 2.6, 1]);
    const { model, artefact } = recovered(createContext(), dir, { feed, rounds: 8, steps: 24 });
    t.equal(artefact.stopReason, 'validation worsened');
    t.equal(artefact.bestRound, 0);
    t.strictSame(
      artefact.rounds.map(({ accepted }) => accepted),
      [true, false, false],
    );
    const end = logits(model);
    t.ok(worst(end, seen[1]) < 1e-4, 'as after the first round');
    t.ok(
      worst(end, seen[0]) > 1e-2 && worst(end, seen[3]) > 1e-2,
      'not as before it or at the end',
    );
    model.dispose();
  });
  t.end();
});

t.test('when no round helps, then the model stays bit for bit what it was', (t) => {
  inFolder((dir) => {
    const { feed, seen } = scripted([1, 2, 3, 0]);
    const { model, artefact } = recovered(createContext(), dir, { feed, rounds: 4 });
    t.equal(artefact.bestRound, -1);
    t.equal(artefact.stopReason, 'validation worsened');
    t.ok(worst(seen[2]!, seen[0]) > 1e-2, 'it did train');
    using start = randomLlama({ seed: 2 });
    t.strictSame(snapshot(model), snapshot(start));
    model.dispose();
  });
  t.end();
});

t.test('when the degradation stands still over two rounds, then recovery has converged', (t) => {
  inFolder((dir) => {
    const { feed, mixtures } = scripted([3, 2.9, 2.898, 2.896, 1]);
    const { model, artefact } = recovered(createContext(), dir, {
      feed,
      rounds: 6,
      steps: 12,
      tolerance: 0.005,
    });
    t.equal(artefact.stopReason, 'converged');
    t.equal(artefact.rounds.length, 3, 'the first round moved much');
    t.equal(mixtures.length, 3);
    t.equal(artefact.bestRound, 2);
    model.dispose();
  });
  t.end();
});

t.test('when there is one round, then it is done and kept only if it helped', (t) => {
  inFolder((dir) => {
    for (const [losses, best] of [
      [[3, 2], 0],
      [[2, 3], -1],
    ] as const) {
      const { feed } = scripted(losses);
      const { model, artefact } = recovered(createContext(), join(dir, String(best)), {
        feed,
        rounds: 1,
        steps: 2,
      });
      t.equal(artefact.stopReason, 'all rounds done');
      t.equal(artefact.bestRound, best);
      model.dispose();
    }
  });
  t.end();
});

t.test(
  'when recovery is stopped at any checkpoint or killed after any saved state, then it ends bit for bit the same',
  (t) => {
    inFolder((dir) => {
      const copies: string[] = [];
      const whole = stoppingContext(Infinity, ({ type, ...event }) => {
        if (type !== 'saved' || !('path' in event)) return;
        const copy = join(dir, `copy-${copies.length}`);
        cpSync(event.path, copy, { recursive: true });
        copies.push(copy);
      });
      const direct = recovered(whole.ctx, join(dir, 'whole'));
      const expected = snapshot(direct.model);
      const told = JSON.stringify(direct.artefact);
      direct.model.dispose();
      const before = tensorCount();
      const states = [...copies];
      t.ok(copies.length >= 5);
      for (let stop = 1; stop <= whole.passed(); stop += 2) {
        const state = join(dir, `stopped-${stop}`);
        t.throws(() => recovered(stoppingContext(stop).ctx, state), { code: 'RUN_ABORTED' });
        t.equal(tensorCount(), before, `stopped at ${stop}: nothing leaks`);
        states.push(state);
      }
      for (const state of states) {
        const { model, artefact } = recovered(createContext(), state);
        t.strictSame(snapshot(model), expected, state);
        t.equal(JSON.stringify(artefact), told);
        model.dispose();
      }
    });
    t.end();
  },
);

t.test('when the loss is not finite, then recovery stops as diverged and nothing leaks', (t) => {
  inFolder((dir) => {
    const before = tensorCount();
    const code = 'PRUNE_DIVERGED';
    t.throws(() => recovered(createContext(), dir, { learningRate: 1e30 }), { code });
    t.equal(tensorCount(), before);
  });
  t.end();
});

t.test('when the loss follows a teacher, then the model comes nearer to it', (t) => {
  inFolder((dir) => {
    const teacher = randomLlama({ seed: 3 });
    const b = batchOf(1);
    const kl = (of: Model): number =>
      noGrad(() => scoped(() => distillationLoss(of, b, predictions(teacher, b), 1).item()));
    const start = randomLlama({ seed: 2 });
    const common = { teacher, rounds: 1, steps: 25 };
    const followed = recovered(createContext(), join(dir, 'a'), { ...common, distill: 1 });
    const alone = recovered(createContext(), join(dir, 'b'), { ...common, distill: 0 });
    const half = recovered(createContext(), join(dir, 'c'), { ...common, distill: 0.5 });
    t.ok(kl(followed.model) < 0.7 * kl(start), `${kl(followed.model)} from ${kl(start)}`);
    t.ok(kl(followed.model) < kl(half.model) && kl(half.model) < kl(alone.model));
    for (const model of [teacher, start, followed.model, alone.model, half.model]) model.dispose();
  });
  t.end();
});

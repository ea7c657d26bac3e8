import t from 'tap';
import { createContext } from '../../lib/context.js';
import type { RunEvent } from '../../lib/events.js';
import type { NodeGroup } from '../../lib/groups/group.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { type KnowledgeOptions, distribution } from '../../lib/knowledge/distribution.js';
import { gateOut } from '../../lib/knowledge/trial.js';
import type { Model } from '../../lib/models/model.js';
import { consumersOf } from '../../lib/saliency/saliency.js';
import { magnitude } from '../../lib/saliency/magnitude.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { indexFill_, scale_ } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { nextTokenLoss, tokensOf } from '../../lib/train/language_model_loss.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';
import { batchOf, snapshot, stoppingContext } from '../fixtures/tiny_training.js';

const shape = { heads: 8, kvHeads: 4, channels: 10, biases: true, seed: 6 };
const batches = [batchOf(1), batchOf(2), batchOf(3)];
const options: KnowledgeOptions = {
  proxy: 'magnitude',
  ratios: [0.25, 0.5],
  protectShare: 0.3,
  seed: 1,
};

const logits = (model: Model): number[] =>
  noGrad(() => scoped(() => model.forward(tokensOf(batches[0]!)).toArray()));

/** Nine texts one by one. */
const texts = batches.flatMap(({ ids, batch, length }) =>
  Array.from({ length: batch }, (_, i) => ({
    ids: ids.slice(i * length, (i + 1) * length),
    batch: 1,
    length,
  })),
);

const lossOf = (model: Model, i: number): number =>
  noGrad(() => scoped(() => nextTokenLoss(model, texts[i]!).item()));

/** Zeroes the columns of the units' consumers, of W and of LoRA's A. */
function zeroColumns(model: Model, group: NodeGroup, units: readonly number[]): void {
  for (const { slice, path } of consumersOf(group)) {
    const { weight, lora } = model.linears().get(path)!;
    const indices = units.flatMap((u) => sliceIndices(slice, group.units, u));
    noGrad(() => {
      scoped(() => {
        const index = longTensor(indices, [indices.length]);
        for (const tensor of lora ? [weight, lora.A] : [weight]) indexFill_(tensor, 1, index, 0);
      });
    });
  }
}

t.test(
  'when units are gated out, then the model computes as with their consumers’ columns at zero, and restore undoes it',
  (t) => {
    for (const rank of [0, 2]) {
      const model = randomLlama({ ...shape, rank });
      const { groups } = handPartition(model);
      for (const group of groups) {
        const before = logits(model);
        const count = tensorCount();
        const units = [1, 2];
        const gated = gateOut(model, group, units);
        const hidden = logits(model);
        gated.restore();
        t.strictSame(logits(model), before, `${group.id}: bit for bit as before`);
        t.equal(tensorCount(), count);
        const zeroed = randomLlama({ ...shape, rank });
        zeroColumns(zeroed, group, units);
        const expected = logits(zeroed);
        const worst = Math.max(...hidden.map((x, i) => Math.abs(x - (expected[i] ?? NaN))));
        t.ok(worst < 1e-6, `${group.id}: off by ${worst}`);
        t.ok(
          hidden.some((x, i) => Math.abs(x - (before[i] ?? NaN)) > 1e-3),
          'and it makes a difference',
        );
        zeroed.dispose();
      }
      model.dispose();
    }
    t.end();
  },
);

t.test(
  'when knowledge is measured, then each trial is the loss without the least units, on the same batches for all',
  (t) => {
    const model = randomLlama(shape);
    const { groups } = handPartition(model);
    const before = snapshot(model);
    logits(model); // its tables of positions stay
    const count = tensorCount();
    const events: RunEvent[] = [];
    const ctx = createContext({ emit: (event) => events.push(event) });
    const result = distribution(ctx, model, groups, batches, options);
    t.equal(tensorCount(), count, 'nothing leaks');
    t.strictSame(snapshot(model), before, 'no weight changes');
    t.strictSame(result.calibration, { sequences: 9, length: 12, tokens: 108 });
    const dense = texts.map((_, i) => lossOf(model, i));
    const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b) / list.length;
    t.ok(Math.abs(result.dense.loss - mean(dense)) < 1e-6);
    t.ok(Math.abs(result.dense.perplexity - Math.exp(mean(dense))) < 1e-4);

    const scores = magnitude({ model, groups, statistics: new Map(), removed: new Map(), seed: 1 });
    for (const { id, deviation, trials, units } of result.groups) {
      const group = groups.find((g) => g.id === id)!;
      t.strictSame(
        trials.map(({ removed }) => removed),
        [0.25, 0.5].map((r) => Math.round(r * units)),
      );
      const deviations = trials.map(({ removed, loss, stderr, perplexity, kl }) => {
        const own = scores.get(id)!;
        const least = [...own.keys()].sort((a, b) => own[a]! - own[b]!).slice(0, removed);
        const gated = gateOut(model, group, least);
        const losses = texts.map((_, i) => lossOf(model, i));
        gated.restore();
        t.ok(Math.abs(loss - mean(losses)) < 1e-6, `${id} without ${least.join()}`);
        const moved = losses.map((x, i) => x - dense[i]!);
        const variance = moved.reduce((s, x) => s + (x - mean(moved)) ** 2, 0) / 8;
        t.ok(Math.abs(stderr - Math.sqrt(variance / 9)) < 1e-6);
        t.ok(Math.abs(perplexity - Math.exp(loss)) < 1e-9 && kl > 0);
        return loss - result.dense.loss;
      });
      t.equal(deviation, Math.max(...deviations));
    }
    const ranked = result.groups.map(({ deviation }) => deviation);
    t.strictSame(
      ranked,
      [...ranked].sort((a, b) => b - a),
      'the largest first',
    );
    t.strictSame(
      result.groups.map((g) => g.protected),
      [true, true, false, false],
      '30 % of four, rounded up',
    );
    const done = events.flatMap((e) => (e.type === 'progress' ? [[e.done, e.total]] : []));
    t.strictSame(
      done,
      // two groups of a layer at two ratios go together
      Array.from({ length: 2 * 9 }, (_, i) => [4 * (i + 1), 4 * 2 * 9]),
    );
    model.dispose();
    t.end();
  },
);

t.test(
  'when one group carries more than the others, then it is ranked first and protected',
  (t) => {
    for (const id of ['layers.0.mlp.channels', 'layers.1.self_attn.heads']) {
      const model = randomLlama(shape);
      const { groups } = handPartition(model);
      for (const group of groups) {
        for (const { path } of consumersOf(group)) {
          const by = group.id === id ? 4 : 0.01;
          noGrad(() => scoped(() => void scale_(model.linears().get(path)!.weight, by)));
        }
      }
      const result = distribution(createContext(), model, groups, batches, {
        ...options,
        protectShare: 0.2,
      });
      // what matters may help or harm a random model's loss; its KL to itself tells
      const kl = (group: (typeof result.groups)[number]): number =>
        Math.max(...group.trials.map((x) => x.kl));
      const most = [...result.groups].sort((a, b) => kl(b) - kl(a))[0];
      t.equal(most?.id, id);
      model.dispose();
    }
    t.end();
  },
);

t.test('when a group may not be cut, then it is not tried', (t) => {
  const model = randomLlama(shape);
  const groups = handPartition(model).groups.map((g, i) =>
    i === 1 ? { ...g, prunable: false } : g,
  );
  const result = distribution(createContext(), model, groups, batches, options);
  t.strictSame(
    result.groups.map(({ id }) => id).sort(),
    groups
      .filter((_, i) => i !== 1)
      .map(({ id }) => id)
      .sort(),
  );
  model.dispose();
  t.end();
});

t.test(
  'when the analysis is stopped anywhere, then the model is as it was and nothing leaks',
  (t) => {
    const model = randomLlama(shape);
    const { groups } = handPartition(model);
    const before = snapshot(model);
    const same = logits(model);
    const whole = stoppingContext();
    distribution(whole.ctx, model, groups, batches, options);
    t.equal(whole.passed(), 2 * 9, 'between any two passes through the layers');
    const count = tensorCount();
    for (let stop = 1; stop <= whole.passed(); stop += 2) {
      const { ctx } = stoppingContext(stop);
      t.throws(() => distribution(ctx, model, groups, batches, options), { code: 'RUN_ABORTED' });
      t.equal(tensorCount(), count, `stopped at ${stop}`);
    }
    t.ok(
      [...model.linears().values()].every(
        ({ gate, observer }) => gate === null && observer === null,
      ),
    );
    t.strictSame(snapshot(model), before);
    t.strictSame(logits(model), same);
    model.dispose();
    t.end();
  },
);

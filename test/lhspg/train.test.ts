import { join } from 'node:path';
import t from 'tap';
import { disposeStatistics, inputStatistics } from '../../lib/calibration/input_statistics.js';
import { expand } from '../../lib/compress/expand.js';
import { compress } from '../../lib/compress/slice.js';
import { assertZeroUnits, verifyCut } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import type { RunEvent } from '../../lib/events.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import type { LhspgOptions } from '../../lib/lhspg/options.js';
import { consumerPaths, consumersOf } from '../../lib/saliency/saliency.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { tokensOf } from '../../lib/train/language_model_loss.js';
import { StepGraphs } from '../../lib/train/step_graph.js';
import {
  calibration,
  inFolder,
  pruned,
  quotas,
  smallOptions,
  structure,
  zeroUnitsOf,
} from '../fixtures/lhspg_run.js';
import {
  apart,
  matrixOf,
  pick,
  plus,
  product,
  ridged,
  solved,
  transposed,
} from '../fixtures/plain_algebra.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { steppingRecorder } from '../fixtures/stepping_recorder.js';
import { snapshot } from '../fixtures/tiny_training.js';

const ctx = createContext();

const variants: Record<string, Partial<LhspgOptions>> = {
  'the transfer form': {},
  "the paper's form": { form: 'paper', saliency: 'taylor_first' },
  "the paper's form with a half-space test of 0.9": { form: 'paper', epsilon: 0.9 },
  'the transfer form without warm-up': { warmupSteps: 0, saliency: 'reconstruction' },
  'the transfer form with more periods than steps': { steps: 2, warmupSteps: 0, periods: 3 },
  'one cut at once, with transfer': { steps: 0, warmupSteps: 0, periods: 1 },
  'one cut at once, without': {
    form: 'paper',
    saliency: 'magnitude',
    steps: 0,
    warmupSteps: 0,
    periods: 1,
  },
};

for (const [name, options] of Object.entries(variants)) {
  t.test(
    `when a model is pruned by ${name}, then exactly the quota of each group is exactly zero and the cut is exact`,
    (t) => {
      inFolder((dir) => {
        for (const shape of [structure, { ...structure, biases: true, tied: false, seed: 8 }]) {
          const before = tensorCount();
          const events: RunEvent[] = [];
          const { model, partition, result } = pruned(
            createContext({ emit: (event) => events.push(event) }),
            join(dir, String(shape.seed)),
            options,
            { guarded: ['layers.0.mlp.channels'], shape },
          );
          t.ok(
            [...model.linears().values()].every(({ lora }) => lora === null),
            'no LoRA is left',
          );
          t.notOk([...model.parameters()].some(([param]) => param.includes('lora')));
          const removed = new Map(result.kept.map(({ group, removed: gone }) => [group, gone]));
          const dense = randomLlama(shape);
          const masked = expand(model, dense.config, partition, removed);
          const prunable = partition.groups.filter((group) => group.prunable);
          t.equal(prunable.length, 4);
          for (const group of prunable) {
            const { id, kind, units } = group;
            const zero = zeroUnitsOf(masked, group);
            t.equal(zero.length, quotas[kind as keyof typeof quotas], `${id}: as many as planned`);
            t.strictSame(zero, removed.get(id), `${id}: those that are named`);
            const kept = result.kept.find(({ group: g }) => g === id)?.kept ?? [];
            t.strictSame(
              [...zero, ...kept].sort((a, b) => a - b),
              Array.from({ length: units }, (_, u) => u),
            );
          }
          assertZeroUnits(masked, partition, removed);
          const tokens = tokensOf(calibration[0]!);
          const { maxAbsDifference, logitScale } = verifyCut(ctx, masked, model, tokens);
          t.ok(logitScale > 0.1 && maxAbsDifference < 1e-5 * logitScale);
          for (const { equality, chosen } of result.periods) {
            t.equal(equality === null, chosen.length === 0, 'every cut was proved');
          }
          for (const handle of [tokens, masked, dense, model]) handle.dispose();
          t.equal(tensorCount(), before, 'nothing leaks');

          const { steps, periods } = { ...smallOptions, ...options };
          t.equal(result.losses.length, steps);
          t.equal(events.filter(({ type }) => type === 'metric').length, steps);
          t.strictSame(
            result.periods.map(({ index }) => index),
            Array.from({ length: periods }, (_, p) => p),
          );
          t.equal(result.periods.at(-1)?.zeroUnits, 2 * (2 + 5));
          const guarded = result.periods.flatMap(({ index, chosen }) =>
            chosen.some(({ group }) => group === 'layers.0.mlp.channels') ? [index] : [],
          );
          t.strictSame(guarded, [periods - 1], 'the guarded group waits for the last period');
        }
      });
      t.end();
    },
  );
}

t.test(
  'when units are cut at once without transfer, then all that stays is bit for bit the dense model',
  (t) => {
    inFolder((dir) => {
      const dense = randomLlama(structure);
      const options = {
        form: 'paper',
        saliency: 'magnitude',
        steps: 0,
        warmupSteps: 0,
        periods: 2,
      } as const;
      const { model, partition, result } = pruned(ctx, dir, options);
      const removed = new Map(result.kept.map(({ group, removed: gone }) => [group, gone]));
      const expected = compress(dense, partition, removed);
      t.strictSame(snapshot(model), snapshot(expected));
      expected.dispose();
      model.dispose();
      dense.dispose();
    });
    t.end();
  },
);

t.test(
  'when units are cut at once with transfer, then their consumers are the least-squares ones',
  (t) => {
    inFolder((dir) => {
      const dense = randomLlama(structure);
      const { model, partition, result } = pruned(ctx, dir, {
        steps: 0,
        warmupSteps: 0,
        periods: 1,
      });
      const prunable = partition.groups.filter((group) => group.prunable);
      const statistics = inputStatistics(ctx, dense, consumerPaths(prunable), calibration);
      for (const group of prunable) {
        const gone = result.kept.find(({ group: id }) => id === group.id)?.removed ?? [];
        for (const { slice, path } of consumersOf(group)) {
          const R = gone.flatMap((u) => sliceIndices(slice, group.units, u));
          const S = Array.from({ length: slice.extent }, (_, j) => j).filter((j) => !R.includes(j));
          const H = ridged(matrixOf(statistics.get(path)!.gram));
          const C = solved(pick(H, S, S), pick(H, S, R));
          const W = matrixOf(dense.linears().get(path)!.weight);
          const expected = plus(pick(W, null, S), product(pick(W, null, R), transposed(C)));
          const found = matrixOf(model.linears().get(path)!.weight);
          t.ok(apart(found, expected) < 1e-5, path);
          t.ok(apart(expected, pick(W, null, S)) > 1e-2, 'and that is another matrix than before');
        }
      }
      disposeStatistics(statistics);
      model.dispose();
      dense.dispose();
    });
    t.end();
  },
);

t.test('when the learning rate vanishes, then both forms end where the cut at once ends', (t) => {
  inFolder((dir) => {
    for (const form of ['transfer', 'paper'] as const) {
      const one = { form, periods: 1, warmupSteps: 0 } as const;
      const slow = pruned(ctx, join(dir, `${form}-slow`), {
        ...one,
        steps: 6,
        learningRate: 1e-12,
      });
      const once = pruned(ctx, join(dir, `${form}-once`), { ...one, steps: 0 });
      t.strictSame(slow.result.kept, once.result.kept);
      const target = new Map(once.model.parameters());
      for (const [name, tensor] of slow.model.parameters()) {
        const worst = Math.max(
          ...tensor.toArray().map((x, i) => Math.abs(x - (target.get(name)?.toArray()[i] ?? NaN))),
        );
        t.ok(worst < 2e-6, `${form}, ${name}: off by ${worst}`);
      }
      slow.model.dispose();
      once.model.dispose();
    }
  });
  t.end();
});

t.test('when the loss is not finite, then the run stops as diverged', (t) => {
  inFolder((dir) => {
    const before = tensorCount();
    t.throws(() => pruned(ctx, dir, { learningRate: 1e30, steps: 30 }), { code: 'PRUNE_DIVERGED' });
    t.equal(tensorCount(), before);
  });
  t.end();
});

for (const form of ['transfer', 'paper'] as const) {
  t.test(
    `when the steps of the ${form} form are recorded, then once in each period, and the run is the same to the bit`,
    (t) => {
      inFolder((dir) => {
        const options: Partial<LhspgOptions> = { form, steps: 22, periods: 3 };
        const before = tensorCount();
        const { record, counts } = steppingRecorder();
        const graphs = new StepGraphs((why) => t.fail(why), record);
        const plain = pruned(ctx, join(dir, 'plain'), options);
        const recorded = pruned(ctx, join(dir, 'recorded'), { ...options, graphs });
        t.same(recorded.result, plain.result);
        t.same(snapshot(recorded.model), snapshot(plain.model));
        t.same([counts.recordings, counts.disposed], [3, 3]);
        t.ok(counts.replays > 9, `${counts.replays} replays`);
        plain.model.dispose();
        recorded.model.dispose();
        t.equal(tensorCount(), before);
      });
      t.end();
    },
  );
}

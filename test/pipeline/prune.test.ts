import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { allocate } from '../../lib/budget/allocate.js';
import { type Job, lhspgForms } from '../../lib/config/job.js';
import { parseJob } from '../../lib/config/parse_job.js';
import { createContext } from '../../lib/context.js';
import type { RunEvent } from '../../lib/events.js';
import type { Partition } from '../../lib/groups/group.js';
import { budgetOf } from '../../lib/pipeline/budget.js';
import { type PruneInput, cut, prune } from '../../lib/pipeline/prune.js';
import { countParameters } from '../../lib/pipeline/working_model.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { calibration, inFolder, probe } from '../fixtures/lhspg_run.js';
import { linearCosts } from '../fixtures/linear_costs.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { discovered, sourceOf } from '../fixtures/tiny_training.js';

const ctx = createContext();

const count = (model: ReturnType<typeof loadModel>): number =>
  new Set([...model.parameters()].map(([, { handle }]) => handle)).size;

const denseIn = (dir: string): string =>
  writeModelFolder(join(dir, 'dense'), { heads: 8, kvHeads: 4, channels: 40, tied: false });

/** What a run hands to the stage; `dir` is made for it. */
function inputOf(job: Job, partition: Partition, dir: string): PruneInput {
  const plan = allocate(linearCosts(partition), {
    ...{ target: { measure: 'parameters', ratio: job.ratio }, rule: 'layer' },
  });
  mkdirSync(dir);
  return {
    ...{ job, partition, budget: budgetOf(job), calibration, probe, dir },
    corpus: { train: [sourceOf('x', 1)], validation: [], splits: {} },
    plan: { ...plan, counts: Object.fromEntries(plan.counts) },
  };
}

for (const form of lhspgForms) {
  t.test(
    `when a folder is pruned in the ${form} form and cut, then the artefacts tell what is on disk`,
    (t) => {
      inFolder((dir) => {
        const model = denseIn(dir);
        const before = tensorCount();
        const job = parseJob({
          ...{ model, ratio: 0.3, seed: 2, sequence_length: 12, batch_size: 2, tokens: 24 * 20 },
          sources: { x: 'x' },
          lhspg: {
            form,
            saliency: 'fluctuation',
            periods: 2,
            token_share: 0.4,
            warmup_share: 0.25,
          },
          recovery: { rounds: 2 },
        });
        using dense = loadModel(model);
        const partition = discovered(dense);
        const input = inputOf(job, partition, join(dir, 'lhspg'));
        const pruned = prune(ctx, input);
        const oneShot = form.startsWith('one-shot');
        t.equal(pruned.form, form);
        t.equal(pruned.losses.length, oneShot ? 0 : 8);
        t.equal(pruned.tokens, oneShot ? 0 : 8 * 24);
        t.equal(pruned.warmupSteps, oneShot ? 0 : 2);
        t.equal(pruned.periods.length, oneShot ? 1 : 2);
        const { kvHeads, channels } = pruned.target as { kvHeads: number; channels: number };
        t.equal(pruned.achieved.zeroUnits, 2 * (kvHeads + channels));
        t.strictSame(JSON.parse(JSON.stringify(pruned)), pruned, 'it is plain JSON');

        const folders = { from: input.dir, dir: join(dir, 'compress') };
        mkdirSync(folders.dir);
        const result = cut(ctx, input, pruned, folders);
        using compact = loadModel(folders.dir);
        t.equal(result.before.parameters, partition.parameters);
        t.equal(result.before.parameters, countParameters(dense));
        t.equal(result.after.parameters, countParameters(compact));
        t.equal(result.before.parameters - result.after.parameters, pruned.achieved.parameters);
        t.ok(Math.abs(result.ratio - pruned.achieved.ratio) < 1e-12);
        t.ok(Math.abs(result.ratio - 0.3) <= 0.005);
        t.strictSame(
          [result.after.kvHeads, result.after.heads, result.after.channels],
          [4 - kvHeads, 8 - 2 * kvHeads, 40 - channels],
        );
        t.equal(result.after.bytes, 4 * result.after.parameters);
        t.ok(result.equality.maxAbsDifference <= result.equality.tolerance);
        t.equal(
          tensorCount() - before,
          count(dense) + count(compact),
          'only the two models are left',
        );
      });
      t.end();
    },
  );
}

t.test('when steps cannot be recorded as CUDA graphs, then the run says why and goes on', (t) => {
  inFolder((dir) => {
    const model = denseIn(dir);
    using dense = loadModel(model);
    const partition = discovered(dense);
    for (const [keys, device, why] of [
      [{}, 'cpu', 'cuda_graphs: there are none on cpu'],
      [
        { checkpointing: 'blocks' },
        'cuda',
        'cuda_graphs: steps that compute blocks again are not recorded',
      ],
    ] as const) {
      const warnings: string[] = [];
      const emit = (event: RunEvent): void => {
        if (event.type === 'warning') warnings.push(event.message);
      };
      const job = parseJob({
        ...{ model, ratio: 0.3, sequence_length: 12, batch_size: 2, tokens: 24 * 10 },
        ...{ sources: { x: 'x' }, cuda_graphs: true, ...keys },
        lhspg: { saliency: 'fluctuation', periods: 1 },
      });
      const input = inputOf({ ...job, device }, partition, join(dir, device));
      const steps = prune({ ...ctx, emit }, input).losses.length;
      t.ok(steps > 0);
      t.ok(warnings.includes(why), warnings.join());
    }
  });
  t.end();
});

// Trials that reuse the dense pass against the long way: weights at zero in a copy, the whole model run again.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { closeExperts } from '../../lib/compress/experts.js';
import { createContext } from '../../lib/context.js';
import type { GroupKind } from '../../lib/groups/group.js';
import { distribution } from '../../lib/knowledge/distribution.js';
import { magnitude } from '../../lib/saliency/magnitude.js';
import { selectRedundant } from '../../lib/lhspg/select.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { families, familyFolder } from '../fixtures/families.js';
import { zeroUnits } from '../fixtures/random_llama.js';
import { structuresOf } from '../fixtures/structures.js';
import { batchOf, stoppingContext } from '../fixtures/tiny_training.js';

const choices: readonly (readonly GroupKind[])[] = [
  ['attention_heads', 'mlp_channels', 'expert_channels'],
  ['query_heads'],
  ['experts'],
  ['sublayer'],
  ['layer'],
  ['residual'],
];
const batches = [batchOf(1, 2), batchOf(2, 2)];
const options = { proxy: 'magnitude', ratios: [0.25, 0.5], protectShare: 0, seed: 1 } as const;

for (const name of families()) {
  t.test(
    `when ${name} is analysed, then every trial has the loss of the model without the units`,
    (t) => {
      const before = tensorCount();
      const model = loadModel(familyFolder(name));
      let groupsTried = 0;
      for (const kinds of choices) {
        const partition = structuresOf(model, kinds);
        const groups = partition.groups.filter((g) => g.prunable && kinds.includes(g.kind));
        if (groups.length === 0) continue;
        const scores = magnitude({
          model,
          groups,
          statistics: new Map(),
          removed: new Map(),
          seed: 1,
        });
        const result = distribution(createContext(), model, groups, batches, options);
        for (const { id, trials } of result.groups) {
          const group = groups.find((g) => g.id === id)!;
          for (const { removed, loss } of trials) {
            const units = selectRedundant(scores, new Map([[id, removed]]), new Map(), [group]).get(
              id,
            )!;
            const zeroed = loadModel(familyFolder(name));
            const gone = new Map([[id, units]]);
            if (group.kind !== 'experts')
              zeroUnits(zeroed, { ...partition, groups: [group] }, gone);
            const closed = closeExperts(zeroed, { groups: [group] }, gone);
            const losses = batches.map((b) =>
              noGrad(() => scoped(() => nextTokenLoss(zeroed, b).item())),
            );
            closed.restore();
            zeroed.dispose();
            const expected = (losses[0]! + losses[1]!) / 2;
            t.ok(
              Math.abs(loss - expected) < 1e-5 * expected,
              `${id} without ${units.length}: ${loss}, not ${expected}`,
            );
            groupsTried++;
          }
        }
      }
      t.ok(groupsTried > 8, `${groupsTried} trials`);
      model.dispose();
      t.equal(tensorCount(), before);
      t.end();
    },
  );
}

t.test(
  'when an analysis is stopped, or its file cut short, then it goes on to the same map',
  (t) => {
    const model = loadModel(familyFolder('llama3'));
    const kinds = choices[0]!;
    const groups = structuresOf(model, kinds).groups.filter(
      (g) => g.prunable && kinds.includes(g.kind),
    );
    const dir = t.testdir({});
    const run = (file: string | null, ctx = createContext()) =>
      distribution(ctx, model, groups, batches, { ...options, pairs: 3, file });
    const whole = stoppingContext();
    const expected = JSON.stringify(run(null, whole.ctx));
    t.match(expected, /"pairs":\[(\{[^}]*\},){2}\{[^}]*\}\]/);
    const file = join(dir, 'trials.jsonl');
    t.equal(JSON.stringify(run(file)), expected);
    const lines = readFileSync(file, 'utf8');
    const passes = stoppingContext();
    t.equal(JSON.stringify(run(file, passes.ctx)), expected);
    t.equal(passes.passed(), 0, 'nothing is computed again');
    for (let stop = 1; stop <= whole.passed(); stop++) {
      const part = join(dir, `part-${stop}.jsonl`);
      t.throws(() => run(part, stoppingContext(stop).ctx), { code: 'RUN_ABORTED' });
      appendFileSync(part, '["0/7,8,9", [{"lo'); // a kill in the middle of a line
      t.equal(JSON.stringify(run(part)), expected, `stopped at ${stop}`);
      t.equal(readFileSync(part, 'utf8'), lines);
    }
    writeFileSync(file, lines.replace('"key":"', '"key":"0'));
    t.equal(JSON.stringify(run(file)), expected, 'another map is begun anew');
    model.dispose();
    t.end();
  },
);

import t from 'tap';
import { createContext } from '../../lib/context.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { fluctuation } from '../../lib/saliency/fluctuation.js';
import { consumersOf } from '../../lib/saliency/saliency.js';
import { inputStatistics, disposeStatistics } from '../../lib/calibration/input_statistics.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped } from '../../lib/tensor/scope.js';
import { tokensOf } from '../../lib/train/language_model_loss.js';
import { effectiveWeight, scoring } from '../fixtures/scoring.js';
import { matrixOf } from '../fixtures/plain_algebra.js';
import { reshape } from '../../lib/tensor/ops.js';
import { batchOf } from '../fixtures/tiny_training.js';

t.test(
  'when the fluctuation is asked for, then it is the variance of each input times its squared column',
  (t) => {
    const s = scoring();
    const scores = fluctuation(s.input);
    const batches = [1, 2, 3, 4].map((seed) => batchOf(seed, 4, 16));
    for (const group of s.input.groups) {
      const [{ slice, path } = { slice: undefined, path: '' }] = consumersOf(group);
      const linear = s.model.linears().get(path)!;
      const rows: number[][] = [];
      linear.observer = (x) => {
        rows.push(...matrixOf(scoped(() => reshape(x, [-1, linear.inFeatures]))));
      };
      for (const batch of batches)
        noGrad(() => scoped(() => void s.model.forward(tokensOf(batch))));
      linear.observer = null;
      t.equal(rows.length, 4 * 4 * 16);
      const W = effectiveWeight(s.model, path);
      const values = Array.from({ length: linear.inFeatures }, (_, j) => {
        const mean = rows.reduce((sum, x) => sum + (x[j] ?? NaN), 0) / rows.length;
        const variance =
          rows.reduce((sum, x) => sum + ((x[j] ?? NaN) - mean) ** 2, 0) / rows.length;
        return variance * W.reduce((sum, row) => sum + (row[j] ?? NaN) ** 2, 0);
      });
      scores.get(group.id)?.forEach((score, unit) => {
        const expected = sliceIndices(slice!, group.units, unit).reduce(
          (sum, j) => sum + (values[j] ?? NaN),
          0,
        );
        t.ok(
          Math.abs(score - expected) < 1e-4 * expected,
          `${group.id} ${unit}: ${score}, ${expected}`,
        );
      });
    }
    s.dispose();
    t.end();
  },
);

t.test('when an input never varies, then its unit fluctuates not at all', (t) => {
  const s = scoring();
  const [, channels] = s.input.groups;
  const path = 'model.layers.0.mlp.down_proj';
  const one = inputStatistics(
    createContext(),
    s.model,
    [path],
    [{ ids: new Int32Array([3]), batch: 1, length: 1 }],
  );
  const scores = fluctuation({ ...s.input, groups: [channels!], statistics: one }).get(
    channels!.id,
  );
  t.ok(scores?.every((score) => score >= 0 && score < 1e-5));
  disposeStatistics(one);
  s.dispose();
  t.end();
});

import t from 'tap';
import { createContext } from '../../lib/context.js';
import { disposeStatistics, inputStatistics } from '../../lib/calibration/input_statistics.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { consumersOf } from '../../lib/saliency/saliency.js';
import { wanda } from '../../lib/saliency/wanda.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { reshape } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { tokensOf } from '../../lib/train/language_model_loss.js';
import { matrixOf } from '../fixtures/plain_algebra.js';
import { effectiveWeight, scoring } from '../fixtures/scoring.js';
import { batchOf } from '../fixtures/tiny_training.js';

t.test(
  'when Wanda is asked for, then it is Σ |W_ij|·‖x_j‖ over the columns that read the unit',
  async (t) => {
    const s = scoring();
    const scores = wanda(s.input);
    for (const group of s.input.groups) {
      const [{ slice, path }] = consumersOf(group) as [ReturnType<typeof consumersOf>[number]];
      const linear = s.model.linears().get(path)!;
      const rows: number[][] = [];
      linear.observer = (x) => {
        rows.push(...matrixOf(scoped(() => reshape(x, [-1, linear.inFeatures]))));
      };
      for (const seed of [1, 2, 3, 4]) {
        noGrad(() => scoped(() => void s.model.forward(tokensOf(batchOf(seed, 4, 16)))));
      }
      linear.observer = null;
      const W = effectiveWeight(s.model, path);
      scores.get(group.id)?.forEach((score, unit) => {
        let expected = 0;
        for (const j of sliceIndices(slice, group.units, unit)) {
          const length = Math.sqrt(rows.reduce((sum, x) => sum + x[j]! ** 2, 0));
          for (const row of W) expected += Math.abs(row[j]!) * length;
        }
        t.ok(
          Math.abs(score - expected) < 1e-5 * expected,
          `${group.id} ${unit}: ${score}, ${expected}`,
        );
      });
    }
    s.dispose();
  },
);

t.test(
  'when text is seen twice, then Wanda grows by √2: lengths are over all tokens',
  async (t) => {
    const s = scoring();
    const [, channels] = s.input.groups;
    const own = { ...s.input, groups: [channels!] };
    const batch = batchOf(1);
    const of = (times: number): number[] => {
      const path = 'model.layers.0.mlp.down_proj';
      const batches = Array<typeof batch>(times).fill(batch);
      const statistics = inputStatistics(createContext(), s.model, [path], batches);
      const scores = [...wanda({ ...own, statistics }).get(channels!.id)!];
      disposeStatistics(statistics);
      return scores;
    };
    const once = of(1);
    of(2).forEach((x, u) => t.ok(Math.abs(x - Math.SQRT2 * once[u]!) < 1e-6 * x));
    s.dispose();
  },
);

t.test('when the inputs of a reader were not gathered, then the score is refused', async (t) => {
  const s = scoring();
  t.throws(() => wanda({ ...s.input, statistics: new Map() }), {
    code: 'CONFIG_INVALID',
    facts: { path: 'model.layers.0.self_attn.o_proj' },
  });
  s.dispose();
});

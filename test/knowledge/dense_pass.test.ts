import t from 'tap';
import { DensePass } from '../../lib/knowledge/dense_pass.js';
import { hide } from '../../lib/knowledge/trial.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { predictions } from '../../lib/train/language_model_loss.js';
import { matrixOf } from '../fixtures/plain_algebra.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';
import { batchOf } from '../fixtures/tiny_training.js';

const softmax = (row: readonly number[]): number[] => {
  const most = Math.max(...row);
  const total = row.reduce((sum, x) => sum + Math.exp(x - most), 0);
  return row.map((x) => Math.exp(x - most) / total);
};

t.test(
  'when a changed model is compared with the dense one, then loss and KL are those of their probabilities',
  (t) => {
    const model = randomLlama({ seed: 1, channels: 10 });
    const batch = batchOf(3, 2, 7);
    const rows = (): number[][] =>
      noGrad(() => scoped(() => matrixOf(predictions(model, batch)))).map(softmax);
    const p = rows(); // positions stay
    const before = tensorCount();
    const dense = noGrad(() => scoped(() => new DensePass(model, batch, model.linears().values())));
    t.equal(dense.states.length, 3);
    const group = handPartition(model).groups.find(({ id }) => id === 'layers.0.mlp.channels')!;
    const hidden = hide(model, group, [0, 1, 2, 3, 4, 5]);
    const q = rows();
    const { loss, kl } = noGrad(() =>
      scoped(() => {
        let [x] = dense.states as [(typeof dense.states)[number]];
        for (const i of model.blocks.keys()) x = model.layer(i, x, dense.tokens);
        return dense.deviation(x);
      }),
    );
    hidden.restore();
    const itself = noGrad(() => dense.deviation(dense.states.at(-1)!));
    dense.dispose();
    t.equal(tensorCount(), before, 'all that was kept is gone');

    const targets = [0, 1].flatMap((b) => Array.from(batch.ids.slice(b * 7 + 1, b * 7 + 7)));
    const nats = (m: number[][]): number =>
      targets.reduce((sum, y, i) => sum - Math.log(m[i]?.[y] ?? NaN), 0) / targets.length;
    const divergence =
      p.reduce(
        (sum, row, i) => sum + row.reduce((s, x, j) => s + x * Math.log(x / (q[i]?.[j] ?? NaN)), 0),
        0,
      ) / targets.length;
    t.ok(Math.abs(dense.loss - nats(p)) < 1e-5);
    t.ok(Math.abs(loss - nats(q)) < 1e-5);
    t.ok(Math.abs(kl - divergence) < 1e-5 && kl > 1e-3, `${kl} and ${divergence}`);
    t.ok(Math.abs(itself.loss - dense.loss) < 1e-7 && Math.abs(itself.kl) < 1e-6);
    model.dispose();
    t.end();
  },
);

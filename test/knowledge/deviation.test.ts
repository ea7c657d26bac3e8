import t from 'tap';
import { denseReference, deviationFrom } from '../../lib/knowledge/deviation.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { predictions } from '../../lib/train/language_model_loss.js';
import { matrixOf } from '../fixtures/plain_algebra.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { batchOf } from '../fixtures/tiny_training.js';

const softmax = (row: readonly number[]): number[] => {
  const most = Math.max(...row);
  const total = row.reduce((sum, x) => sum + Math.exp(x - most), 0);
  return row.map((x) => Math.exp(x - most) / total);
};

t.test(
  'when another model is compared with the dense one, then loss and KL are those of their probabilities',
  (t) => {
    const [dense, other] = [randomLlama({ seed: 1 }), randomLlama({ seed: 2 })];
    const batch = batchOf(3, 2, 7);
    for (const model of [dense, other]) denseReference(model, batch).dispose(); // positions stay
    const before = tensorCount();
    const reference = denseReference(dense, batch);
    const { loss, kl } = deviationFrom(other, batch, reference);
    const itself = deviationFrom(dense, batch, reference);
    t.equal(tensorCount(), before + 1, 'the reference owns one tensor');
    reference.dispose();
    t.equal(tensorCount(), before);

    const rows = (model: typeof dense): number[][] =>
      noGrad(() => scoped(() => matrixOf(predictions(model, batch)))).map(softmax);
    const [p, q] = [rows(dense), rows(other)];
    const targets = [0, 1].flatMap((b) => Array.from(batch.ids.slice(b * 7 + 1, b * 7 + 7)));
    t.equal(p.length, targets.length);
    const nats = (m: number[][]): number =>
      targets.reduce((sum, y, i) => sum - Math.log(m[i]?.[y] ?? NaN), 0) / targets.length;
    const divergence =
      p.reduce(
        (sum, row, i) => sum + row.reduce((s, x, j) => s + x * Math.log(x / (q[i]?.[j] ?? NaN)), 0),
        0,
      ) / targets.length;
    t.ok(Math.abs(reference.loss - nats(p)) < 1e-5);
    t.ok(Math.abs(loss - nats(q)) < 1e-5);
    t.ok(Math.abs(kl - divergence) < 1e-5 && kl > 0.1, `${kl} and ${divergence}`);
    t.strictSame(
      itself,
      { loss: reference.loss, kl: 0 },
      'the dense model is no distance from itself',
    );
    dense.dispose();
    other.dispose();
    t.end();
  },
);

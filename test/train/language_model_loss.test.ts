import { noGrad } from '../../lib/tensor/autograd.js';
import { detach, logSoftmax } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import {
  type TokenBatch,
  distillationLoss,
  logLikelihoodLoss,
  nextTokenLoss,
  predictions,
  tokensOf,
} from '../../lib/train/language_model_loss.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomLlama } from '../fixtures/random_llama.js';

const batch: TokenBatch = {
  ids: Int32Array.of(1, 5, 9, 2, 30, 8, 8, 0),
  batch: 2,
  length: 4,
};
const V = 32;

/** −log p of the next token at every position but the last, row by row, in doubles. */
function plainLosses(logits: number[]): number[] {
  const losses: number[] = [];
  for (let b = 0; b < 2; b++) {
    for (let i = 0; i < 3; i++) {
      const row = logits.slice((b * 4 + i) * V, (b * 4 + i + 1) * V);
      const total = row.reduce((s, x) => s + Math.exp(x), 0);
      losses.push(Math.log(total) - row[batch.ids[b * 4 + i + 1]!]!);
    }
  }
  return losses;
}

const mean = (xs: number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;

test('when tokens are predicted, then the loss is the mean over all but the first', (t) => {
  const model = randomLlama();
  const losses = plainLosses(noGrad(() => model.forward(tokensOf(batch)).toArray()));
  t.ok(Math.abs(nextTokenLoss(model, batch).item() - mean(losses)) < 1e-5);
  const rows = predictions(model, batch);
  t.same(rows.shape, [6, V]);
  t.ok(Math.abs(logLikelihoodLoss(logSoftmax(rows, -1), batch).item() - mean(losses)) < 1e-5);
  model.dispose();
});

test('when labels are given, then only they count, at their own places', (t) => {
  const model = randomLlama();
  const losses = plainLosses(noGrad(() => model.forward(tokensOf(batch)).toArray()));
  // Targets: the tokens at (0, 1), (0, 3) and (1, 2); a label on a first token is no target.
  const labels = Int32Array.of(1, 5, -100, 2, 30, -100, 8, -100);
  const expected = mean([losses[0]!, losses[2]!, losses[4]!]);
  t.ok(Math.abs(nextTokenLoss(model, { ...batch, labels }).item() - expected) < 1e-5);
  model.dispose();
});

test('when the share of the teacher is 0, then distillation is cross-entropy', (t) => {
  const [model, other] = [randomLlama(), randomLlama({ seed: 2 })];
  const teacher = noGrad(() => predictions(other, batch));
  const hard = nextTokenLoss(model, batch).item();
  t.ok(Math.abs(distillationLoss(model, batch, teacher, 0).item() - hard) < 1e-6);
  model.dispose();
  other.dispose();
});

test('when the teacher is the model, then there is nothing to distil', (t) => {
  const model = randomLlama();
  const teacher = detach(predictions(model, batch));
  t.ok(Math.abs(distillationLoss(model, batch, teacher, 1).item()) < 1e-6);
  const hard = nextTokenLoss(model, batch).item();
  t.ok(Math.abs(distillationLoss(model, batch, teacher, 0.25).item() - 0.75 * hard) < 1e-5);
  model.dispose();
});

test('when the teacher is another, then the mean KL(teacher ‖ model) is added', (t) => {
  const [model, other] = [randomLlama(), randomLlama({ seed: 2 })];
  const teacher = noGrad(() => predictions(other, batch));
  const logProbabilities = (logits: number[]): number[] => {
    const total = Math.log(logits.reduce((s, x) => s + Math.exp(x), 0));
    return logits.map((x) => x - total);
  };
  const p = teacher.toArray();
  const q = predictions(model, batch).toArray();
  const rows = Array.from({ length: 6 }, (_, r) => {
    const lp = logProbabilities(p.slice(r * V, (r + 1) * V));
    const lq = logProbabilities(q.slice(r * V, (r + 1) * V));
    return lp.reduce((s, x, i) => s + Math.exp(x) * (x - lq[i]!), 0);
  });
  t.ok(mean(rows) > 0.1, 'the two differ');
  t.ok(distance([distillationLoss(model, batch, teacher, 1).item()], [mean(rows)]) < 1e-5);
  const hard = nextTokenLoss(model, batch).item();
  const half = distillationLoss(model, batch, teacher, 0.5).item();
  t.ok(distance([half], [0.5 * hard + 0.5 * mean(rows)]) < 1e-5);
  model.dispose();
  other.dispose();
});

test('when ids are outside the vocabulary, then the error is typed', (t) => {
  const model = randomLlama();
  const wrong = { ...batch, ids: Int32Array.of(1, 2, 3, V, 0, 0, 0, 0) };
  t.throws(() => nextTokenLoss(model, wrong), { code: 'TENSOR_OP_FAILED' });
  const labels = Int32Array.of(1, 2, 3, V, 0, 0, 0, 0);
  t.throws(() => nextTokenLoss(model, { ...batch, labels }), { code: 'TENSOR_OP_FAILED' });
  const target = noGrad(() => floatTensor([1], [1]));
  t.throws(() => distillationLoss(model, wrong, target, 0.5), { code: 'TENSOR_OP_FAILED' });
  model.dispose();
});

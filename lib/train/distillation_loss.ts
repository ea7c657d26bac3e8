// The loss under a teacher's probabilities, with the logits of both models for some rows at a time.
import type { Model } from '../models/model.js';
import type { PassOptions } from '../nn/pass.js';
import { enableGrad, grad, noGrad } from '../tensor/autograd.js';
import { isFrozen } from '../tensor/linear_cross_entropy.js';
import {
  add,
  cat,
  crossEntropy,
  detach,
  indexSelect,
  logSoftmax,
  mul,
  scale,
  softmax,
  sub,
  sumAll,
  to,
} from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  type TokenBatch,
  distillationLoss,
  hiddenRows,
  labelIds,
  predictions,
  wide,
} from './language_model_loss.js';

/** Logits of each model at a time: some ten such tensors live together. */
const mostLogits = 2 ** 21;

/**
 * {@link distillationLoss} of a teacher that has the same vocabulary, in float32. Under a frozen head the gradient of the
 * hidden states is made here, part by part; backward only scales it.
 */
export function lossUnderTeacher(
  model: Model,
  batch: TokenBatch,
  teacher: Model,
  weight: number,
  pass?: PassOptions,
): Tensor {
  const head = model.linearHead;
  const labels = labelIds(batch);
  const places = [...labels.keys()].filter((i) => (labels[i] as number) >= 0);
  // With labels the two means are over different tokens.
  if (!head || !isFrozen(head) || batch.labels || places.length === 0) {
    const logits = noGrad(() => scoped(() => predictions(teacher, batch)));
    return distillationLoss(model, batch, logits, weight, pass);
  }
  const { device } = model;
  const hidden = indexSelect(hiddenRows(model, batch, pass), 0, longTensorOn(device, places));
  const learns = hidden.requiresGrad;
  const parts = noGrad(() => {
    const taught = scoped(() => hiddenRows(teacher, batch));
    const size = Math.max(32, Math.floor(mostLogits / model.vocabulary));
    return Array.from({ length: Math.ceil(places.length / size) }, (_, i) => {
      const at = places.slice(i * size, (i + 1) * size);
      return scoped(() => {
        const targets = longTensorOn(
          device,
          at.map((place) => labels[place] as number),
        );
        const logits = teacher.head(indexSelect(taught, 0, longTensorOn(device, at)));
        const rows = longTensorOn(
          device,
          at.map((_, row) => i * size + row),
        );
        const x = indexSelect(hidden, 0, rows);
        return partOf(model, detach(x), { logits, targets, weight, learns });
      });
    });
  });
  const by = 1 / places.length;
  const loss = noGrad(() =>
    scale(
      parts.map((part) => part.loss).reduce((a, b) => add(a, b)),
      by,
    ),
  );
  if (!learns) return loss;
  // Worth 0, with the gradient that is known already.
  const gradient = cat(
    parts.flatMap((part) => part.gradient ?? []),
    0,
  );
  const along = scale(sumAll(mul(to(hidden, device, 'float32'), gradient)), by);
  return add(loss, sub(along, detach(along)));
}

interface Part {
  readonly logits: Tensor; // the teacher's (N, V)
  readonly targets: Tensor; // (N)
  readonly weight: number;
  readonly learns: boolean;
}

/** Sum of the losses of the hidden states x (N, C), and its gradient in float32. */
function partOf(
  model: Model,
  x: Tensor,
  { logits, targets, weight, learns }: Part,
): { loss: Tensor; gradient: Tensor | null } {
  if (learns) x.requiresGrad = true;
  const run = (): Tensor => {
    const scores = wide(model.head(x));
    const of = wide(logits);
    const gap = sub(logSoftmax(of, -1), logSoftmax(scores, -1));
    const kl = sumAll(mul(softmax(of, -1), gap));
    return add(scale(crossEntropy(scores, targets, 'sum'), 1 - weight), scale(kl, weight));
  };
  if (!learns) return { loss: run(), gradient: null };
  const loss = enableGrad(run);
  const [gradient] = grad([loss], [x]);
  return { loss: detach(loss), gradient: to(gradient as Tensor, x.device, 'float32') };
}

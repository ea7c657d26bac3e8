// The loss of whole models by rows of logits against the one by all logits: values, gradients, types, memory.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadModel } from '../../lib/checkpoint/load.js';
import { loraParameters } from '../../lib/lora/lora.js';
import { architectureOf } from '../../lib/models/index.js';
import type { Model } from '../../lib/models/model.js';
import type { PassOptions } from '../../lib/nn/pass.js';
import { backward, clearGrads, noGrad } from '../../lib/tensor/autograd.js';
import { Checkpoints } from '../../lib/tensor/checkpointing.js';
import { memoryStatistics, resetPeakMemory } from '../../lib/tensor/memory.js';
import { detach } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import {
  type TokenBatch,
  distillationLoss,
  nextTokenLoss,
  plainNextTokenLoss,
  predictions,
} from '../../lib/train/language_model_loss.js';
import { distance, test } from '../fixtures/no_leak.js';
import { denseModel } from '../fixtures/pages.js';
import { randomConfig, randomNumbers, randomWeights, withLora } from '../fixtures/random_llama.js';

type Loss = (model: Model, batch: TokenBatch, pass?: PassOptions) => Tensor;

interface Result {
  readonly nats: number;
  readonly gradients: number[];
}

/** Loss and gradients of all factors. */
function learned(model: Model, batch: TokenBatch, lossOf: Loss, checkpointing = false): Result {
  return scoped(() => {
    using checkpoints = checkpointing ? new Checkpoints() : undefined;
    const loss = lossOf(model, batch, checkpoints ? { checkpoints } : {});
    if (checkpoints) checkpoints.backward(loss);
    else backward(loss);
    const parameters = [...loraParameters(model).values()];
    const gradients = parameters.flatMap((p) => p.grad?.toArray() ?? []);
    clearGrads(parameters);
    return { nats: loss.item(), gradients };
  });
}

/** `fn` with a model whose logits nobody may ask for. */
function withoutLogits<T>(model: Model, fn: () => T): T {
  const { head } = model;
  model.head = () => {
    throw new Error('logits were made');
  };
  try {
    return fn();
  } finally {
    model.head = head;
  }
}

const tokenizer = loadTokenizer(denseModel);
const text = 'Lily and her mum went to the park. They saw a big red ball. Tom liked to play there.';
const ids = Int32Array.from(tokenizer.encode(`${text} ${text}`)).subarray(0, 48);
const rows: TokenBatch = { ids, batch: 2, length: 24 };
const batches: Record<string, TokenBatch> = {
  'running text': rows,
  'answers only': { ...rows, labels: ids.map((id, i) => (i % 24 < 15 ? -100 : id)) },
  'one target': { ...rows, labels: ids.map((id, i) => (i === 20 ? id : -100)) },
  'documents that share rows': { ...rows, segments: ids.map((_, i) => Math.floor((i % 24) / 9)) },
};

test('when stories260K learns, then loss and gradients are those by way of all logits', (t) => {
  const model = loadModel(denseModel);
  withLora(model);
  for (const [name, batch] of Object.entries(batches)) {
    const expected = learned(model, batch, plainNextTokenLoss);
    for (const checkpointing of [false, true]) {
      const found = withoutLogits(model, () => learned(model, batch, nextTokenLoss, checkpointing));
      t.ok(Math.abs(found.nats - expected.nats) <= 1e-5 * expected.nats, `${name}: the loss`);
      const gap = distance(found.gradients, expected.gradients);
      t.ok(gap <= 1e-5, `${name}: gradients ${gap}`);
    }
    const known = noGrad(() => withoutLogits(model, () => nextTokenLoss(model, batch).item()));
    t.ok(Math.abs(known - expected.nats) <= 1e-5 * expected.nats, `${name}: without gradients`);
  }
  model.dispose();
});

test('when nothing is a target, then the loss is NaN as before, and nothing is learned', (t) => {
  const model = loadModel(denseModel);
  withLora(model);
  const none = { ...rows, labels: new Int32Array(48).fill(-100) };
  for (const lossOf of [nextTokenLoss, plainNextTokenLoss]) {
    const { nats, gradients } = learned(model, none, lossOf);
    t.ok(Number.isNaN(nats));
    t.ok(gradients.length > 0 && gradients.every((g) => g === 0));
  }
  model.dispose();
});

const families = fileURLToPath(new URL('../../../test/fixtures/families', import.meta.url));

for (const family of readdirSync(families).filter((name) => !name.includes('.'))) {
  test(`when ${family} learns, then its head's bias, scale and cap are in the loss`, (t) => {
    const model = loadModel(`${families}/${family}`);
    withLora(model);
    const V = model.vocabulary;
    const tokens = Int32Array.from(randomNumbers(5, 36), (x) => Math.floor((x + 0.5) * V));
    const batch = { ids: tokens, batch: 2, length: 18 };
    const expected = learned(model, batch, plainNextTokenLoss);
    const found = withoutLogits(model, () => learned(model, batch, nextTokenLoss));
    t.ok(Math.abs(found.nats - expected.nats) <= 1e-5 * expected.nats);
    const gap = distance(found.gradients, expected.gradients);
    t.ok(gap <= 1e-5, `${gap}`);
    model.dispose();
  });
}

for (const dtype of ['bfloat16', 'float16'] as const) {
  test(`when a model of ${dtype} learns, then its losses are float32`, (t) => {
    const [model, wide] = [loadModel(denseModel, { dtype }), loadModel(denseModel)];
    withLora(wide);
    withLora(model);
    const expected = learned(wide, rows, nextTokenLoss);
    for (const lossOf of [nextTokenLoss, plainNextTokenLoss]) {
      t.equal(
        scoped(() => lossOf(model, rows).dtype),
        'float32',
      );
      const { nats, gradients } = learned(model, rows, lossOf);
      const stored = Math.abs(nats - expected.nats) / expected.nats;
      t.ok(stored < 5e-3, `${stored}`);
      const gap = distance(gradients, expected.gradients);
      t.ok(gap < 0.1, `gradients ${gap}`);
    }
    const distilled = scoped(() => {
      const teacher = detach(predictions(model, rows));
      const loss = distillationLoss(model, rows, teacher, 0.5);
      t.equal(loss.dtype, 'float32');
      return loss.item();
    });
    const hard = learned(model, rows, plainNextTokenLoss).nats;
    t.ok(Math.abs(distilled - 0.5 * hard) < 1e-5, 'nothing to distil');
    model.dispose();
    wide.dispose();
  });
}

test('when the head learns too, then it has its gradient', (t) => {
  const config = randomConfig({ tied: false });
  using model = architectureOf(config).build(config, randomWeights(3));
  const { weight } = model.linearHead!;
  weight.requiresGrad = true;
  const batch = { ids: Int32Array.of(1, 5, 9, 2, 30, 8), batch: 1, length: 6 };
  backward(nextTokenLoss(model, batch));
  t.ok(weight.grad!.toArray().some((g) => g !== 0));
  clearGrads([weight]);
});

test('when the vocabulary is large, then a step keeps no logits', (t) => {
  const V = 16384;
  const config = { ...randomConfig(), vocab_size: V };
  using model = architectureOf(config).build(config, randomWeights(1));
  withLora(model);
  const ids = Int32Array.from(randomNumbers(9, 2048), (x) => Math.floor((x + 0.5) * V));
  const batch = { ids, batch: 32, length: 64 };
  const growth = (lossOf: Loss): number => {
    const { rss } = memoryStatistics();
    resetPeakMemory();
    learned(model, batch, lossOf);
    return memoryStatistics().peakRss - rss;
  };
  learned(model, { ids: ids.subarray(0, 64), batch: 1, length: 64 }, nextTokenLoss);
  const [rowwise, whole] = [growth(nextTokenLoss), growth(plainNextTokenLoss)];
  const logits = 2048 * V * 4;
  t.ok(rowwise < logits, `${rowwise} bytes by rows, the logits have ${logits}`);
  t.ok(whole - rowwise > 2 * logits, `${whole} bytes by all logits`);
});

// The loss under a teacher by rows of logits against the one by all logits of both models.
import { fileURLToPath } from 'node:url';
import { loadModel } from '../../lib/checkpoint/load.js';
import { loraParameters } from '../../lib/lora/lora.js';
import { architectureOf } from '../../lib/models/index.js';
import type { Model } from '../../lib/models/model.js';
import type { PassOptions } from '../../lib/nn/pass.js';
import { backward, clearGrads, noGrad } from '../../lib/tensor/autograd.js';
import { Checkpoints } from '../../lib/tensor/checkpointing.js';
import { memoryStatistics, resetPeakMemory } from '../../lib/tensor/memory.js';
import { scale } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { lossUnderTeacher } from '../../lib/train/distillation_loss.js';
import {
  type TokenBatch,
  distillationLoss,
  predictions,
} from '../../lib/train/language_model_loss.js';
import { distance, test } from '../fixtures/no_leak.js';
import { denseModel } from '../fixtures/pages.js';
import { randomConfig, randomNumbers, randomWeights, withLora } from '../fixtures/random_llama.js';

type Loss = (model: Model, batch: TokenBatch, teacher: Model, w: number, p?: PassOptions) => Tensor;

const plain: Loss = (model, batch, teacher, weight, pass) => {
  const logits = noGrad(() => predictions(teacher, batch));
  return distillationLoss(model, batch, logits, weight, pass);
};

interface Given {
  readonly model: Model;
  readonly teacher: Model;
  readonly batch: TokenBatch;
}

function learned(
  { model, teacher, batch }: Given,
  lossOf: Loss,
  { weight = 0.6, checkpointing = false, share = 1 } = {},
): { nats: number; gradients: number[] } {
  return scoped(() => {
    using checkpoints = checkpointing ? new Checkpoints() : undefined;
    const loss = lossOf(model, batch, teacher, weight, checkpoints ? { checkpoints } : {});
    const part = scale(loss, share);
    if (checkpoints) checkpoints.backward(part);
    else backward(part);
    const parameters = [...loraParameters(model).values()];
    const gradients = parameters.flatMap((p) => p.grad?.toArray() ?? []);
    clearGrads(parameters);
    return { nats: loss.item(), gradients };
  });
}

const ids = (vocabulary: number, count: number): Int32Array =>
  Int32Array.from(randomNumbers(5, count), (x) => Math.floor((x + 0.5) * vocabulary));

test('when a model follows a teacher, then loss and gradients are those by way of all logits', (t) => {
  const [model, teacher] = [loadModel(denseModel), loadModel(denseModel)];
  withLora(model);
  const rows = { ids: ids(512, 48), batch: 2, length: 24 };
  const batches: Record<string, TokenBatch> = {
    'running text': rows,
    'documents that share rows': {
      ...rows,
      segments: rows.ids.map((_, i) => (i % 24 < 9 ? 0 : 1)),
    },
    'answers only': { ...rows, labels: rows.ids.map((id, i) => (i % 24 < 15 ? -100 : id)) },
  };
  for (const [name, batch] of Object.entries(batches)) {
    for (const weight of [0, 0.6, 1]) {
      const given = { model, teacher, batch };
      const expected = learned(given, plain, { weight });
      for (const checkpointing of [false, true]) {
        const found = learned(given, lossUnderTeacher, { weight, checkpointing });
        const off = Math.abs(found.nats - expected.nats) / expected.nats;
        t.ok(off < 1e-5, `${name}, ${weight}: ${off}`);
        const gap = distance(found.gradients, expected.gradients);
        t.ok(gap < 2e-5, `${name}, ${weight}: gradients ${gap}`);
      }
      const known = noGrad(() => lossUnderTeacher(model, batch, teacher, weight).item());
      t.ok(Math.abs(known - expected.nats) < 1e-5 * expected.nats, `${name}: without gradients`);
    }
  }
  const part = learned({ model, teacher, batch: rows }, lossUnderTeacher, { share: 0.25 });
  const whole = learned({ model, teacher, batch: rows }, lossUnderTeacher);
  t.ok(
    distance(
      part.gradients,
      whole.gradients.map((g) => g / 4),
    ) < 1e-6,
    'a share of it',
  );
  model.dispose();
  teacher.dispose();
});

const families = fileURLToPath(new URL('../../../test/fixtures/families', import.meta.url));

for (const [family, dtype, near] of [
  ['gemma2', 'float32', 1e-5],
  ['cohere', 'float32', 1e-5],
  ['phi', 'float32', 1e-5],
  ['llama', 'bfloat16', 2e-2],
] as const) {
  test(`when ${family} of ${dtype} follows a teacher, then so it is`, (t) => {
    const load = (): Model => loadModel(`${families}/${family}`, { dtype });
    const [model, teacher] = [load(), load()];
    withLora(model);
    const given = {
      model,
      teacher,
      batch: { ids: ids(model.vocabulary, 36), batch: 2, length: 18 },
    };
    const [found, expected] = [learned(given, lossUnderTeacher), learned(given, plain)];
    t.ok(Math.abs(found.nats - expected.nats) < 1e-4 * expected.nats);
    const gap = distance(found.gradients, expected.gradients);
    t.ok(gap < near, `${gap}`);
    model.dispose();
    teacher.dispose();
  });
}

test('when the vocabulary is large, then neither model has all its logits at a time', (t) => {
  const V = 16384;
  const config = { ...randomConfig(), vocab_size: V };
  const build = (seed: number): Model => architectureOf(config).build(config, randomWeights(seed));
  using model = build(1);
  using teacher = build(2);
  withLora(model);
  const given = { model, teacher, batch: { ids: ids(V, 1024), batch: 16, length: 64 } };
  const measured = (lossOf: Loss): ReturnType<typeof learned> & { growth: number } => {
    const { rss } = memoryStatistics();
    resetPeakMemory();
    const result = learned(given, lossOf);
    return { ...result, growth: memoryStatistics().peakRss - rss };
  };
  const [rowwise, whole] = [measured(lossUnderTeacher), measured(plain)];
  t.ok(Math.abs(rowwise.nats - whole.nats) < 1e-5 * whole.nats);
  t.ok(distance(rowwise.gradients, whole.gradients) < 1e-5, 'in several parts');
  const logits = 1024 * V * 4;
  t.ok(whole.growth - rowwise.growth > 4 * logits, `${rowwise.growth} and ${whole.growth} bytes`);
});

import { loadModel } from '../../lib/checkpoint/load.js';
import { type Example, ignored, packExamples } from '../../lib/data/pack_examples.js';
import { padBatch } from '../../lib/data/instruction_examples.js';
import { windows } from '../../lib/data/packing.js';
import { attachLora, loraParameters } from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { backward, clearGrads, noGrad } from '../../lib/tensor/autograd.js';
import { scoped } from '../../lib/tensor/scope.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import {
  type TokenBatch,
  distillationLoss,
  nextTokenLoss,
  predictions,
  targetCount,
} from '../../lib/train/language_model_loss.js';
import { AdamW } from '../../lib/train/adamw.js';
import { trainOnBatch } from '../../lib/train/train_batch.js';
import { distance, test } from '../fixtures/no_leak.js';
import { denseModel } from '../fixtures/pages.js';

const texts = [
  'Once upon a time there was a little dog.',
  'Lily and her mum went to the park. They saw a big red ball.',
  'The end.',
  'Tom liked to play with his toy car all day long, until it was dark.',
];

const tokenizer = loadTokenizer(denseModel);
const documents = texts.map((text) => [...tokenizer.encode(text), tokenizer.eosId as number]);

/** stories260K with LoRA factors that are not zero. */
function model(): Model {
  const made = loadModel(denseModel);
  attachLora(made, { r: 2, alpha: 4, seed: 1 });
  using optimizer = new AdamW(loraParameters(made));
  const row = batchOf(documents[1]!);
  trainOnBatch(made, row, (rows, pass) => nextTokenLoss(made, rows, pass), optimizer, {
    ...{ learningRate: 0.01, clip: 1, microBatch: null, checkpointing: 'none' },
  });
  return made;
}

const batchOf = (ids: readonly number[]): TokenBatch => ({
  ids: Int32Array.from(ids),
  batch: 1,
  length: ids.length,
});

/** The documents in one row, as a window of a stream has them. */
const packed: TokenBatch = (() => {
  const ids = Int32Array.from(documents.flat());
  let at = 0;
  const documentStarts = Int32Array.from(documents.map(({ length }) => (at += length) - length));
  const stream = { ids: Int32Array.of(...ids, 0), documentStarts };
  const segments = windows(stream, ids.length).segments(0);
  return { ids, segments, batch: 1, length: ids.length };
})();

interface Result {
  nats: number;
  gradients: number[];
}

function result(of: Model, loss: () => ReturnType<typeof nextTokenLoss>): Result {
  return scoped(() => {
    const l = loss();
    backward(l);
    const parameters = [...loraParameters(of).values()];
    const gradients = parameters.flatMap((p) => p.grad?.toArray() ?? []);
    clearGrads(parameters);
    return { nats: l.item(), gradients };
  });
}

/** Mean over the targets of all parts, in doubles. */
function weighted(parts: readonly [Result, number][]): Result {
  const all = parts.reduce((sum, [, n]) => sum + n, 0);
  const mean = (of: (r: Result) => number): number =>
    parts.reduce((sum, [r, n]) => sum + (n / all) * of(r), 0);
  const { gradients } = parts[0]![0];
  return {
    nats: mean(({ nats }) => nats),
    gradients: gradients.map((_, i) => mean((r) => r.gradients[i] as number)),
  };
}

test('when documents share a row, then loss and gradients are those of the documents one by one', (t) => {
  const of = model();
  const alone = documents.map((ids): [Result, number] => {
    const row = batchOf(ids);
    return [result(of, () => nextTokenLoss(of, row)), targetCount(row)];
  });
  const expected = weighted(alone);
  const found = result(of, () => nextTokenLoss(of, packed));
  t.equal(targetCount(packed), documents.flat().length - documents.length);
  t.ok(Math.abs(found.nats - expected.nats) < 1e-5, `${found.nats}, ${expected.nats}`);
  t.ok(distance(found.gradients, expected.gradients) < 1e-5);
  const { segments: _, ...running } = packed;
  const leaking = result(of, () => nextTokenLoss(of, running));
  t.ok(distance(leaking.gradients, expected.gradients) > 1e-2, 'the test can fail');
  of.dispose();
});

test('when a packed batch follows a teacher, then no token across a boundary counts', (t) => {
  const [of, teacher] = [model(), loadModel(denseModel)];
  const distilled = (row: TokenBatch): Result =>
    result(of, () =>
      distillationLoss(
        of,
        row,
        noGrad(() => predictions(teacher, row)),
        0.7,
      ),
    );
  const expected = weighted(
    documents.map((ids) => [distilled(batchOf(ids)), ids.length - 1] as [Result, number]),
  );
  const found = distilled(packed);
  t.ok(Math.abs(found.nats - expected.nats) < 1e-5, `${found.nats}, ${expected.nats}`);
  const gap = distance(found.gradients, expected.gradients);
  t.ok(gap < 1e-4, `${gap}`); // the model has hardly left its teacher, the gradients are small
  of.dispose();
  teacher.dispose();
});

const examples = documents.map((ids, i): Example => {
  const all = Int32Array.from(ids);
  return { ids: all, labels: all.map((id, j) => (j < 2 + i ? ignored : id)) };
});

test('when examples share rows, then loss and gradients are those of the padded batch, in parts too', (t) => {
  const of = model();
  const padded = padBatch(examples, 0);
  const rows = packExamples(examples, 40, 0);
  t.ok(rows.batch < examples.length && rows.useful === padded.useful);
  t.equal(targetCount(rows), targetCount(padded));
  const expected = result(of, () => nextTokenLoss(of, padded));
  const found = result(of, () => nextTokenLoss(of, rows));
  t.ok(Math.abs(found.nats - expected.nats) < 1e-5);
  t.ok(distance(found.gradients, expected.gradients) < 1e-5);
  for (const microBatch of [1, 2]) {
    using optimizer = new AdamW(loraParameters(of));
    const nats = trainOnBatch(of, rows, (part, pass) => nextTokenLoss(of, part, pass), optimizer, {
      ...{
        learningRate: 0,
        clip: 1,
        microBatch,
        checkpointing: microBatch === 2 ? 'blocks' : 'none',
      },
    });
    t.ok(Math.abs(nats - expected.nats) < 1e-5, `in parts of ${microBatch}`);
  }
  of.dispose();
});

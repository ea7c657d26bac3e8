import t from 'tap';
import { createContext } from '../../lib/context.js';
import { type Example, ignored } from '../../lib/data/instruction_examples.js';
import { instructFeed, responseLoss } from '../../lib/recovery/instruct_feed.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { logSoftmax } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { madeUpText, stoppingContext } from '../fixtures/tiny_training.js';

/** Examples of several lengths whose first `prompt` tokens are no targets. */
const examples = [5, 9, 7, 4, 6].map((length, i): Example => {
  const ids = madeUpText(length + 1, i + 1).slice(1);
  return { ids, labels: ids.map((id, j) => (j < 2 ? ignored : id)) };
});

t.test(
  'when responses are measured, then it is the mean over their tokens, whatever the batch',
  (t) => {
    const model = randomLlama();
    let nats = 0;
    let targets = 0;
    for (const { ids, labels } of examples) {
      const rows = noGrad(() =>
        scoped(() => logSoftmax(model.forward(longTensor(ids, [1, ids.length])), -1).toArray()),
      );
      labels.forEach((label, j) => {
        if (label === ignored || j === 0) return;
        nats -= rows[(j - 1) * model.vocabulary + label] ?? NaN;
        targets++;
      });
    }
    t.equal(targets, 5 + 9 + 7 + 4 + 6 - 2 * 5);
    for (const batch of [1, 2, 5, 8]) {
      const loss = responseLoss(createContext(), model, examples, { batch, padId: 0 });
      t.ok(
        Math.abs(loss - nats / targets) < 1e-5,
        `in batches of ${batch}: ${loss}, ${nats / targets}`,
      );
    }
    t.throws(() => responseLoss(stoppingContext(2).ctx, model, examples, { batch: 1, padId: 0 }), {
      code: 'RUN_ABORTED',
    });
    model.dispose();
    t.end();
  },
);

t.test(
  'when the first token of an example is a target, then it is not counted, as nothing predicts it',
  (t) => {
    const model = randomLlama();
    const all = examples.map(({ ids }) => ({ ids, labels: ids.slice() }));
    const firstIgnored = all.map(({ ids }) => ({
      ids,
      labels: ids.map((id, j) => (j === 0 ? ignored : id)),
    }));
    const of = (list: Example[]): number =>
      responseLoss(createContext(), model, list, { batch: 2, padId: 0 });
    t.equal(of(all), of(firstIgnored));
    model.dispose();
    t.end();
  },
);

t.test('when a feed is restored, then it goes on with the same batches', (t) => {
  const feed = (): ReturnType<typeof instructFeed> =>
    instructFeed(createContext(), examples, examples, { batch: 2, padId: 31, seed: 4 });
  const first = feed();
  t.strictSame(first.sources, ['instructions']);
  first.next();
  first.beginRound({ instructions: 1 });
  for (let i = 0; i < 3; i++) first.next();
  const state: unknown = JSON.parse(JSON.stringify(first.state()));
  const expected = [first.next(), first.next(), first.next()];
  const second = feed();
  second.restore(state);
  t.strictSame([second.next(), second.next(), second.next()], expected);
  t.notSame(feed().next(), expected[0]);
  t.end();
});

t.test('when a round begins, then no example comes twice before all have come', (t) => {
  const feed = instructFeed(createContext(), examples, examples, {
    ...{ batch: 1, padId: 31, seed: 4, length: 20 },
  });
  t.strictSame([feed.sizes, feed.perStep], [{ instructions: 5 }, 1]);
  for (let i = 0; i < 3; i++) feed.next();
  for (let round = 0; round < 6; round++) {
    feed.beginRound({});
    const seen = Array.from({ length: 5 }, () => feed.next().ids.join());
    t.equal(new Set(seen).size, 5);
  }
  t.end();
});

t.test(
  'when a feed packs its rows, then its batches have the same examples in fewer of them',
  (t) => {
    const feed = (length?: number): ReturnType<typeof instructFeed> =>
      instructFeed(createContext(), examples, examples, { batch: 4, padId: 31, seed: 4, length });
    const [packed, padded] = [feed(20).next(), feed().next()];
    t.ok(packed.batch < padded.batch);
    t.equal(packed.useful, padded.useful);
    const count = (labels: Int32Array | undefined): number[] =>
      [...(labels ?? [])].filter((label) => label !== ignored).sort((a, b) => a - b);
    t.strictSame(count(packed.labels), count(padded.labels));
    t.end();
  },
);

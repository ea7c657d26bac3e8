import t from 'tap';
import { createContext } from '../../lib/context.js';
import { createSampler } from '../../lib/data/sampler.js';
import { pretrainingFeed } from '../../lib/recovery/pretraining_feed.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped } from '../../lib/tensor/scope.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { madeUpText, sourceOf } from '../fixtures/tiny_training.js';

const validation = [
  { name: 'x', ids: madeUpText(100, 3) },
  { name: 'y', ids: madeUpText(100, 4) },
];

const feed = (): ReturnType<typeof pretrainingFeed> =>
  pretrainingFeed(
    createContext(),
    createSampler({ sources: [sourceOf('x', 1), sourceOf('y', 2)], seed: 3 }),
    validation,
    { batch: 4, validationWindows: 2 },
  );

t.test('when a feed validates, then each source has its mean loss over its first windows', (t) => {
  const model = randomLlama();
  const losses = feed().validate(model);
  t.strictSame(Object.keys(losses), ['x', 'y']);
  for (const { name, ids } of validation) {
    const batch = { ids: ids.slice(0, 24), batch: 2, length: 12 };
    const expected = noGrad(() => scoped(() => nextTokenLoss(model, batch).item()));
    t.ok(
      Math.abs((losses[name] ?? NaN) - expected) < 1e-5,
      `${name}: ${losses[name]}, ${expected}`,
    );
  }
  model.dispose();
  t.end();
});

t.test(
  'when the mixture names one source, then all windows come from it; unnamed ones get nothing',
  (t) => {
    const own = new Set<string>();
    const { windows } = sourceOf('y', 2);
    for (let i = 0; i < windows.count; i++) own.add(windows.window(i).join());
    const f = feed();
    f.beginRound({ y: 1 });
    for (let i = 0; i < 5; i++) {
      const { ids } = f.next();
      for (let row = 0; row < 4; row++) t.ok(own.has(ids.slice(row * 12, row * 12 + 12).join()));
    }
    t.end();
  },
);

t.test('when a feed is restored, then it goes on with the same windows and mixture', (t) => {
  const first = feed();
  first.beginRound({ x: 0.9, y: 0.1 });
  for (let i = 0; i < 3; i++) first.next();
  const state: unknown = JSON.parse(JSON.stringify(first.state()));
  const expected = [first.next(), first.next()];
  const second = feed();
  second.restore(state);
  t.strictSame([second.next(), second.next()], expected);
  t.strictSame(first.sources, ['x', 'y']);
  t.end();
});

// oracle_greedy200.json: the tokens that the author of stories260K publishes.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { generateGreedy } from '../../lib/evaluate/generate.js';
import { stories } from '../fixtures/evaluation.js';
import { randomLlama } from '../fixtures/random_llama.js';

const oracle = JSON.parse(
  readFileSync(
    new URL('../../../test/fixtures/stories260K/oracle_greedy200.json', import.meta.url),
    'utf8',
  ),
) as { ids: number[] };

t.test('when stories260K tells a story, then it is the published one', (t) => {
  const model = loadModel(stories);
  t.teardown(() => model.dispose());
  const [bos, ...rest] = oracle.ids;
  t.strictSame(generateGreedy(model, [bos!], rest.length), rest);
  t.end();
});

t.test('when the end token comes, then it is the last', (t) => {
  using model = randomLlama();
  const free = generateGreedy(model, [3, 1, 4], 12);
  t.equal(free.length, 12);
  const eosId = free[5]!;
  t.strictSame(
    generateGreedy(model, [3, 1, 4], 12, { eosId }),
    free.slice(0, free.indexOf(eosId) + 1),
  );
  t.end();
});

t.test('when the text outgrows the context, then the last tokens count', (t) => {
  using model = randomLlama();
  const long = Array.from({ length: model.context + 7 }, (_, i) => (i * 7) % 32);
  t.strictSame(
    generateGreedy(model, long, 3),
    generateGreedy(model, long.slice(-model.context), 3),
  );
  t.end();
});

t.test('when the user stops, then generation ends with RUN_ABORTED', (t) => {
  using model = randomLlama();
  let asked = 0;
  const ctx = createContext({ aborted: () => ++asked > 2 });
  t.throws(() => generateGreedy(model, [1], 9, { ctx }), { code: 'RUN_ABORTED' });
  t.end();
});

// oracle_greedy200.json: the tokens that the author of stories260K publishes.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { generate } from '../../lib/generate/generate.js';
import { type Stepper, cachedStepper } from '../../lib/generate/stepper.js';
import { stories } from '../fixtures/evaluation.js';
import { randomLlama } from '../fixtures/random_llama.js';

const oracle = JSON.parse(
  readFileSync(
    new URL('../../../test/fixtures/stories260K/oracle_greedy200.json', import.meta.url),
    'utf8',
  ),
) as { ids: number[] };

t.test('when stories260K tells a story, then it is the published one', (t) => {
  using model = loadModel(stories);
  const [bos, ...rest] = oracle.ids;
  t.strictSame([...generate(model, [bos!], { maxNewTokens: rest.length })], rest);
  t.end();
});

t.test('when one of the end tokens comes, then it is the last', (t) => {
  using model = randomLlama();
  const free = [...generate(model, [3, 1, 4], { maxNewTokens: 12 })];
  t.equal(free.length, 12);
  const end = free[5]!;
  const endIds = [31, end].filter((id) => id === end || !free.includes(id));
  const ended = [...generate(model, [3, 1, 4], { maxNewTokens: 12, endIds })];
  t.strictSame(ended, free.slice(0, free.indexOf(end) + 1));
  t.end();
});

t.test('when the seed is the same, then so is the text; another gives another', (t) => {
  using model = randomLlama();
  const write = (seed: number) => [
    ...generate(model, [3], { maxNewTokens: 30, temperature: 2, seed }),
  ];
  t.strictSame(write(5), write(5));
  t.notSame(write(5), write(6));
  t.end();
});

t.test('when prompt and new tokens outgrow the context, then both are told', (t) => {
  using model = randomLlama();
  const { context } = model;
  const prompt = Array.from({ length: context - 4 }, () => 1);
  t.equal([...generate(model, prompt, { maxNewTokens: 4 })].length, 4, 'the last place is used');
  t.throws(() => [...generate(model, prompt, { maxNewTokens: 5 })], {
    code: 'CONTEXT_EXCEEDED',
    message: new RegExp(`${context - 4} tokens.* 5 new .*${context}`),
    hint: /at most 4/,
    facts: { prompt: context - 4, maxNewTokens: 5, context },
  });
  t.throws(() => [...generate(model, [...prompt, 1, 1, 1, 1], { maxNewTokens: 1 })], {
    code: 'CONTEXT_EXCEEDED',
    hint: /shorter prompt/,
  });
  t.throws(() => [...generate(model, [], { maxNewTokens: 1 })], { code: 'DATA_EMPTY' });
  for (const maxNewTokens of [0, -1, 1.5, NaN]) {
    t.throws(() => [...generate(model, [1], { maxNewTokens })], { code: 'CONFIG_INVALID' });
  }
  t.end();
});

t.test('when the user stops, then generation ends with RUN_ABORTED', (t) => {
  using model = randomLlama();
  let asked = 0;
  const ctx = createContext({ aborted: () => ++asked > 2 });
  t.throws(() => [...generate(model, [1], { maxNewTokens: 9, ctx })], { code: 'RUN_ABORTED' });
  t.end();
});

t.test('when tokens are taken, then the stepper sees each once, and is freed at any end', (t) => {
  using model = randomLlama();
  const seen: (readonly number[])[] = [];
  let disposed = 0;
  const watched = (): Stepper => {
    const inner = cachedStepper(model);
    return {
      step(tokens) {
        seen.push(tokens);
        return inner.step(tokens);
      },
      dispose: () => (disposed += 1),
    };
  };
  const all = [...generate(model, [3, 1], { maxNewTokens: 3, stepper: watched() })];
  t.strictSame(seen, [[3, 1], [all[0]], [all[1]]]);
  t.equal(disposed, 1);
  for (const id of generate(model, [3], { maxNewTokens: 9, stepper: watched() })) {
    if (id >= 0) break;
  }
  t.equal(disposed, 2);
  t.throws(() => [...generate(model, [], { maxNewTokens: 9, stepper: watched() })]);
  t.equal(disposed, 3);
  t.end();
});

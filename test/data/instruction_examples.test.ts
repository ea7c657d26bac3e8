// instructions.json holds what the references' way of tokenising gives in Python: scripts/fixtures/data.py.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Instruction, TemplateName } from '../../lib/data/alpaca.js';
import {
  createExampleSampler,
  encodeInstructions,
  padBatch,
} from '../../lib/data/instruction_examples.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));
const { entries, expected } = JSON.parse(
  readFileSync(join(fixtures, 'data/instructions.json'), 'utf8'),
) as {
  entries: Instruction[];
  expected: Record<string, { ids: number[]; promptTokens: number }[]>;
};
const stories = loadTokenizer(join(fixtures, 'tokenizer/stories260K'));

t.test(
  'when instructions are encoded, then ids and labels are those of the references',
  async (t) => {
    for (const [key, cases] of Object.entries(expected)) {
      const [name, template] = key.split('/') as [string, TemplateName];
      const tokenizer = loadTokenizer(join(fixtures, 'tokenizer', name));
      const result = await encodeInstructions(entries, tokenizer, { maxLength: 1000, template });
      t.equal(result.truncated + result.dropped, 0);
      for (const [i, { ids, promptTokens }] of cases.entries()) {
        const labels = ids.map((id, at) => (at < promptTokens ? -100 : id));
        t.strictSame([...result.examples[i]!.ids], ids, `${key} ids of entry ${i}`);
        t.strictSame([...result.examples[i]!.labels], labels, `${key} labels of entry ${i}`);
      }
    }
    t.equal(Object.keys(expected).length, 4);
  },
);

t.test('when inputs are trained on, then every token is a target', async (t) => {
  const { examples } = await encodeInstructions(entries, stories, {
    maxLength: 1000,
    trainOnInputs: true,
  });
  for (const { ids, labels } of examples) t.strictSame(labels, ids);
});

t.test('when an example is too long, then it is cut or left out, and counted', async (t) => {
  const cases = expected['stories260K/alpaca-lora']!;
  const { ids, promptTokens } = cases[2]!;
  const one = [entries[2]!];
  const fits = await encodeInstructions(one, stories, { maxLength: ids.length });
  t.strictSame([fits.examples.length, fits.truncated, fits.dropped], [1, 0, 0]);
  const cut = await encodeInstructions(one, stories, { maxLength: promptTokens + 1 });
  t.strictSame([cut.examples.length, cut.truncated, cut.dropped], [1, 1, 0]);
  t.strictSame([...cut.examples[0]!.ids], ids.slice(0, promptTokens + 1));
  t.equal(cut.examples[0]!.labels.at(-1), ids[promptTokens], 'something is left to learn');
  const all = [entries[2]!, { ...entries[0]!, output: '' }];
  const dropped = await encodeInstructions(all, stories, {
    maxLength: ids.length - 1,
    overflow: 'drop',
  });
  t.strictSame([dropped.examples.length, dropped.truncated, dropped.dropped], [1, 0, 1]);
  await t.rejects(encodeInstructions(one, stories, { maxLength: promptTokens }), {
    code: 'DATA_EMPTY',
    message: /none of 1 instructions fits/,
  });
});

t.test('when it is aborted, then encoding stops', async (t) => {
  const many = Array.from({ length: 2000 }, () => entries[0]!);
  const controller = new AbortController();
  const reason = new Error('enough');
  const { signal } = controller;
  const running = encodeInstructions(many, stories, { maxLength: 1000, signal });
  setImmediate(() => {
    controller.abort(reason);
  });
  await t.rejects(running, reason);
});

const example = (...ids: number[]) => ({
  ids: Int32Array.from(ids),
  labels: Int32Array.from(ids, (id, i) => (i === 0 ? -100 : id)),
});

t.test('when a batch is padded, then padding is on the right and no target', (t) => {
  const { ids, labels, batch, length } = padBatch([example(5, 6, 7), example(8)], 9);
  t.strictSame([batch, length], [2, 3]);
  t.strictSame([...ids], [5, 6, 7, 8, 9, 9]);
  t.strictSame([...labels], [-100, 6, 7, -100, -100, -100]);
  t.strictSame(padBatch([], 0).length, 0);
  t.end();
});

t.test('when examples are sampled, then each comes once a round and a state continues', (t) => {
  const examples = Array.from({ length: 10 }, (_, i) => example(i, i));
  const make = () => createExampleSampler({ examples, padId: 0, seed: 4 });
  const sampler = make();
  const first = [...sampler.next(10).ids].filter((_, i) => i % 2 === 0);
  t.strictSame(
    [...first].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  sampler.next(3);
  const state = sampler.state();
  const after = [sampler.next(4), sampler.next(9)];
  const other = make();
  other.restore(state);
  t.strictSame([other.next(4), other.next(9)], after);
  t.throws(() => createExampleSampler({ examples: [], padId: 0, seed: 0 }), { code: 'DATA_EMPTY' });
  t.end();
});

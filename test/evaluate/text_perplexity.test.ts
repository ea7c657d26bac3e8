import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { perplexitySpec } from '../../lib/evaluate/perplexity_spec.js';
import {
  prepareTexts,
  readPerplexityTexts,
  textPerplexity,
} from '../../lib/evaluate/text_perplexity.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { stories } from '../fixtures/evaluation.js';
import { expectedPerplexity, ptb, wikitextRaw } from '../fixtures/perplexity.js';

const ctx = createContext();
const model = loadModel(stories);
const tokenizer = loadTokenizer(stories);
t.teardown(() => model.dispose());

async function prepared(words: readonly string[], context = model.context) {
  const texts = await readPerplexityTexts(words.map(perplexitySpec), 'nowhere');
  return prepareTexts(texts, tokenizer, context);
}

/** The issue asks for 0.1 %; float32 sums in another order are far below. */
const near = (got: number, wanted: number) => Math.abs(got / wanted - 1) < 1e-5;

t.test('when equal windows are measured, then as by plain transformers', async (t) => {
  const words = [
    ...['llm-pruner', 'gptq', 'gptq@64'].map((name) => `${name}:wikitext2=${wikitextRaw}`),
    ...['llm-pruner', 'gptq@64'].map((name) => `${name}:ptb=${ptb}`),
  ];
  const texts = await prepared(words);
  const seen: unknown[] = [];
  const before = tensorCount();
  const found = textPerplexity(model, texts, ctx, {
    maxTokens: 700,
    progress: (...at) => seen.push(at),
  });
  t.equal(found.length, words.length);
  for (const { name, window, windows, tokens, nll, metrics, headline } of found) {
    const wanted = expectedPerplexity[name as 'gptq:wikitext2'];
    t.strictSame([window, windows, tokens], [wanted.window, wanted.windows, wanted.tokens], name);
    t.ok(near(nll, wanted.nll), `${name}: ${nll}, not ${wanted.nll}`);
    t.ok(near(metrics['perplexity']!, wanted.perplexity));
    t.equal(headline, 'perplexity');
  }
  t.strictSame(seen.at(-1), [2, 2, 'gptq@64:ptb']);
  t.ok(tensorCount() - before <= 6, 'rotation tables stay with the model, nothing else');
});

t.test('when articles are measured, then as by the task wikitext of lm-eval', async (t) => {
  const texts = await prepared(
    ['', '@64'].map((w) => `lm-eval-wikitext${w}:wikitext2=${wikitextRaw}`),
  );
  for (const { name, documents, words, bytes, metrics } of textPerplexity(model, texts, ctx)) {
    const wanted = expectedPerplexity[name as 'lm-eval-wikitext:wikitext2'];
    t.strictSame([documents, words, bytes], [wanted.documents, wanted.words, wanted.bytes]);
    for (const metric of ['word_perplexity', 'byte_perplexity', 'bits_per_byte']) {
      const [got, truth] = [metrics[metric]!, Number(wanted.results[`${metric},none`])];
      t.ok(near(got, truth), `${name} ${metric}: ${got}, not ${truth}`);
    }
  }
});

t.test('when a text has no window, or a window no room, then that is an error', async (t) => {
  await t.rejects(prepared([`gptq:ptb=${ptb}`]), {
    code: 'DATA_EMPTY',
    message: /tokens, less than a window of 512/,
    hint: /gptq@\d+:ptb/,
  });
  for (const window of [1, 513]) {
    await t.rejects(prepared([`gptq@${window}:ptb=${ptb}`]), {
      code: 'CONFIG_INVALID',
      hint: /at least 2 .* context, 512/,
    });
  }
  const [short] = await prepared([`llm-pruner:ptb=${ptb}`], 32);
  t.equal(short!.window, 32, 'the context of a model that has less');
  await t.rejects(prepared([`gptq:own=${ptb}.no`]), { code: 'DATA_NOT_FOUND' });
});

t.test('when two protocols read one text, then it is read once', async (t) => {
  const [a, b] = await prepared([`llm-pruner:ptb=${ptb}`, `gptq@64:ptb=${ptb}`]);
  t.equal(a!.text, b!.text);
});

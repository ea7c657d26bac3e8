import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { runTask } from '../../lib/evaluate/multiple_choice.js';
import { resultsOf, sampleLine, writeResults } from '../../lib/evaluate/results.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { expected, rowsOf, stories } from '../fixtures/evaluation.js';

const ctx = createContext();
const model = loadModel(stories);
const tokenizer = loadTokenizer(stories);
t.teardown(() => model.dispose());
const facts = {
  model: 'some/model:x',
  parameters: 260032,
  dtype: 'float32',
  device: 'cpu',
  maxLength: 512,
  batchTokens: 4096,
  limit: null,
  tokenizer: { bos: ['<s>', 1], eos: null },
  start: Date.UTC(2026, 0, 2, 3, 4, 5, 6) / 1000,
  end: Date.UTC(2026, 0, 2, 3, 4, 6) / 1000,
} as const;
const outcomes = [
  runTask(model, tokenizer, 'hellaswag', await rowsOf('hellaswag'), ctx),
  runTask(model, tokenizer, 'boolq', await rowsOf('boolq'), ctx),
];

t.test('when results are assembled, then they have the blocks of lm-eval', (t) => {
  const results = resultsOf(outcomes, [], facts);
  t.match(results, {
    results: { boolq: { alias: 'boolq', sample_len: 3 }, hellaswag: { sample_len: 2 } },
    'n-samples': { boolq: { original: 3, effective: 3 } },
    'n-shot': { boolq: 0, hellaswag: 0 },
    versions: { boolq: 2, hellaswag: 1 },
    higher_is_better: { boolq: { acc: true }, hellaswag: { acc: true, acc_norm: true } },
    configs: { boolq: { dataset_path: 'aps/super_glue' } },
    config: { model: 'lorashear-native', model_args: { pretrained: 'some/model:x' }, limit: null },
    date: facts.start,
    model_name_sanitized: 'some__model__x',
    eot_token_id: null,
    lorashear: { protocol: 'lm-eval 0.4.13, zero-shot', truncated: { boolq: 2 } },
  });
  t.strictSame(Object.keys(results['versions'] as object), ['boolq', 'hellaswag']);
  t.strictSame(Object.keys(results.results), ['hellaswag', 'boolq'], 'as asked');
  for (const { task } of outcomes) {
    const wanted = expected.tasks[task].results;
    t.strictSame(Object.keys(results.results[task]!), Object.keys(wanted));
    t.equal(
      (results['task_hashes'] as Record<string, string>)[task],
      expected.tasks[task].task_hash,
    );
  }
  t.equal(
    resultsOf(outcomes, [], { ...facts, tokenizer: { bos: null, eos: ['</s>', 2] } })[
      'eot_token_id'
    ],
    2,
  );
  t.end();
});

t.test('when one document was asked, then there is no standard error', async (t) => {
  const one = runTask(model, tokenizer, 'piqa', await rowsOf('piqa'), ctx, { limit: 1 });
  t.match(resultsOf([one], [], facts).results['piqa'], {
    'acc_stderr,none': 'N/A',
    'acc_norm_stderr,none': 'N/A',
  });
});

t.test('when a sample is written, then as by lm-eval but for the last digits', (t) => {
  for (const { task, samples } of outcomes) {
    samples.forEach((sample, i) => {
      const line = sampleLine(sample);
      const { resps, filtered_resps, ...wanted } = expected.tasks[task].samples[i]!;
      t.strictSame(Object.keys(line), Object.keys(expected.tasks[task].samples[i]!));
      t.match(line, wanted);
      t.same((line['resps'] as unknown[][]).flat(), line['filtered_resps']);
      t.equal((resps as unknown[]).length, filtered_resps.length);
    });
  }
  t.end();
});

t.test('when the output is a file, then it is written there, samples beside it', (t) => {
  const dir = t.testdir({});
  const path = join(dir, 'new', 'out.json');
  const results = resultsOf(outcomes, [], facts);
  t.equal(writeResults(path, results, outcomes), path);
  const stamp = '2026-01-02T03-04-05.006';
  t.strictSame(readdirSync(join(dir, 'new')).sort(), [
    'out.json',
    `samples_boolq_${stamp}.jsonl`,
    `samples_hellaswag_${stamp}.jsonl`,
  ]);
  t.strictSame(JSON.parse(readFileSync(path, 'utf8')), JSON.parse(JSON.stringify(results)));
  t.equal(results.lorashear.samples['boolq'], `samples_boolq_${stamp}.jsonl`);
  const lines = readFileSync(join(dir, 'new', `samples_boolq_${stamp}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  t.equal(lines.length, 3);
  t.end();
});

t.test('when the output is a folder, then the names are those of lm-eval', (t) => {
  const dir = t.testdir({ 'results.json': {} });
  const wanted = join('some__model__x', 'results_2026-01-02T03-04-05.006.json');
  t.equal(writeResults(join(dir, 'a'), resultsOf(outcomes, [], facts), []), join(dir, 'a', wanted));
  const folder = join(dir, 'results.json');
  t.equal(writeResults(folder, resultsOf(outcomes, [], facts), []), join(folder, wanted));
  t.end();
});

t.test('when the disk refuses, then nothing half-written is left', (t) => {
  const dir = t.testdir({ file: 'x' });
  const results = resultsOf(outcomes, [], facts);
  t.throws(() => writeResults(join(dir, 'file', 'out.json'), results, []), {
    code: 'OUTPUT_FAILED',
  });
  const taken = join(dir, 'taken');
  mkdirSync(join(taken, 'samples_boolq_2026-01-02T03-04-05.006.jsonl', 'x'), { recursive: true });
  t.throws(() => writeResults(join(taken, 'out.json'), results, outcomes), {
    code: 'OUTPUT_FAILED',
  });
  t.notOk(readdirSync(taken).some((name) => name.startsWith('.') || name === 'out.json'));
  t.end();
});

import t from 'tap';
import { readQuestions, yardstickOf } from '../../lib/pipeline/yardstick.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { hub, stories } from '../fixtures/evaluation.js';
import { ptb } from '../fixtures/perplexity.js';
import { tinyJob } from '../fixtures/pipeline_run.js';

const tokenizer = loadTokenizer(stories);
const corpus = { train: [], validation: [], hashes: {} } as never;
const sources = { web: 'nowhere' };

t.test('when a job names tasks and texts, then they are read and cut before a step', async (t) => {
  const job = tinyJob({
    model: stories,
    sources,
    evaluation: { tasks: ['piqa'], data_dir: hub, perplexity: [`llm-pruner:ptb=${ptb}`] },
  });
  const { tasks, texts } = yardstickOf({ job, corpus, tokenizer }, await readQuestions(job));
  t.match(tasks, [{ name: 'piqa' }]);
  t.match(texts, [{ window: 128, spec: { protocol: 'llm-pruner', text: 'ptb', path: ptb } }]);
});

t.test('when a text is too short for its window, then that is said then, too', async (t) => {
  const job = tinyJob({ model: stories, sources, evaluation: { perplexity: [`gptq:ptb=${ptb}`] } });
  const questions = await readQuestions(job);
  t.throws(() => yardstickOf({ job, corpus, tokenizer }, questions), { code: 'DATA_EMPTY' });
});

t.test('when a job names nothing, then nothing is read', async (t) => {
  const job = tinyJob({ sources });
  t.strictSame(await readQuestions(job), { tasks: [], texts: [] });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { openCorpus } from '../../lib/data/corpus.js';
import type { RunEvent } from '../../lib/events.js';
import { assess } from '../../lib/pipeline/assess.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { denseModel, writePages } from '../fixtures/pages.js';
import { tinyJob } from '../fixtures/pipeline_run.js';
import { stoppingContext } from '../fixtures/tiny_training.js';

const dir = mkdtempSync(join(tmpdir(), 'lorashear-assess-'));
t.teardown(() => {
  rmSync(dir, { recursive: true, force: true });
});

t.test(
  'when a model is assessed, then each source has its row and the sample starts with the prompt',
  async (t) => {
    const { sources } = writePages(dir);
    const tokenizer = loadTokenizer(denseModel);
    using model = loadModel(denseModel);
    const told = tinyJob({
      sources,
      evaluation: { windows: 2, sample_prompt: 'Once upon a time' },
    });
    const corpus = await openCorpus(told.sources, tokenizer, { sequenceLength: 160 });
    const events: RunEvent[] = [];
    const ctx = createContext({ emit: (event) => events.push(event) });
    const row = assess(ctx, model, 'cut', { job: told, corpus, tokenizer, tasks: [], texts: [] });
    t.equal(row.model, 'cut');
    t.equal(row.protocol, 'windows-160x2');
    t.strictSame(
      row.perplexity.map(({ source }) => source),
      ['tales', 'voyages'],
    );
    const mean = row.perplexity.reduce((sum, { nll }) => sum + nll, 0) / 2;
    t.ok(Math.abs(row.geometricMean - Math.exp(mean)) < 1e-9 * row.geometricMean);
    t.match(row.sample?.prompt, /^Once upon a time$/);
    t.match(row.sample?.text, /^, there was a/, 'a model of stories goes on with one');
    t.ok(
      events.length > 0 && events.every((e) => e.type === 'progress' && e.stage === 'evaluate-cut'),
    );

    const silent = tinyJob({ sources, evaluation: { windows: 1, sample_prompt: null } });
    const other = assess(createContext(), model, 'dense', {
      job: silent,
      corpus,
      tokenizer,
      tasks: [],
      texts: [],
    });
    const start = Array.from(corpus.validation[0]?.ids.slice(0, 12) ?? []);
    t.equal(
      other.sample?.prompt,
      tokenizer.decode(start, { skipSpecialTokens: true }),
      'taken from the first source',
    );
    t.ok((other.sample?.text.length ?? 0) > 20);
    t.throws(
      () =>
        assess(stoppingContext(2).ctx, model, 'dense', {
          job: silent,
          corpus,
          tokenizer,
          tasks: [],
          texts: [],
        }),
      {
        code: 'RUN_ABORTED',
      },
    );
  },
);

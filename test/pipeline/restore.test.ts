import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import type { Job } from '../../lib/config/job.js';
import { parseJob } from '../../lib/config/parse_job.js';
import { type Context, createContext } from '../../lib/context.js';
import type { Corpus } from '../../lib/data/corpus.js';
import { type Example, ignored } from '../../lib/data/instruction_examples.js';
import type { RunEvent } from '../../lib/events.js';
import { budgetOf } from '../../lib/pipeline/budget.js';
import { readExamples, recoverInstruct, recoverPretraining } from '../../lib/pipeline/restore.js';
import { perplexity } from '../../lib/evaluate/perplexity.js';
import { responseLoss } from '../../lib/recovery/instruct_feed.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { inFolder } from '../fixtures/lhspg_run.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { denseModel } from '../fixtures/pages.js';
import { madeUpText, snapshot, sourceOf, stoppingContext } from '../fixtures/tiny_training.js';

const corpus: Corpus = {
  train: [sourceOf('x', 1), sourceOf('y', 2)],
  validation: [
    { name: 'x', ids: madeUpText(120, 1) },
    { name: 'y', ids: madeUpText(120, 2) },
  ],
  splits: {},
};

const examples = Array.from({ length: 12 }, (_, i): Example => {
  const ids = madeUpText(6 + (i % 4), i + 1);
  return { ids, labels: ids.map((id, j) => (j < 2 ? ignored : id)) };
});
const instructions = { train: examples, validation: examples.slice(0, 4), padId: 2 };

/** A job whose model lost most of what it knew: `from` has other weights than the dense model. */
function setting(dir: string): { job: Job; from: string; own: (name: string) => string } {
  const shape = { tied: false } as const;
  const model = writeModelFolder(join(dir, 'dense'), { ...shape, seed: 1 });
  const from = writeModelFolder(join(dir, 'from'), { ...shape, seed: 5 });
  const job = parseJob({
    ...{ model, seed: 7, sequence_length: 12, batch_size: 4, tokens: 48 * 20 },
    sources: { x: 'x', y: 'y' },
    lhspg: { periods: 1, token_share: 0.2 },
    recovery: { rounds: 2, learning_rate: 0.02, validation_windows: 4, tolerance: 0 },
    instruct: 'instructions.json',
    instruct_tuning: { tokens: 240, rounds: 2, batch_size: 3, learning_rate: 0.02 },
  });
  const own = (name: string): string => {
    mkdirSync(join(dir, name), { recursive: true });
    return join(dir, name);
  };
  return { job, from, own };
}

const ctx = createContext();

t.test('when a model recovers on text, then the folder holds the state of its best round', (t) => {
  inFolder((dir) => {
    const { job, from, own } = setting(dir);
    const weights = readFileSync(join(from, 'model.safetensors'));
    const before = tensorCount();
    const budget = budgetOf(job);
    const artefact = recoverPretraining(ctx, job, corpus, budget, { from, dir: own('to') });
    t.equal(tensorCount(), before, 'both models are gone');
    t.match(artefact, { stage: 'pretraining', seed: 8, learningRate: 0.02 });
    t.equal(artefact.tokens, artefact.losses.length * 48);
    t.ok(artefact.losses.length <= budget.recovery);
    t.same(JSON.parse(JSON.stringify(artefact)), artefact, 'it is plain JSON');
    t.same(readFileSync(join(from, 'model.safetensors')), weights, 'its source is untouched');

    const lossesOf = (folder: string): Record<string, number> => {
      using model = loadModel(folder);
      const { rows } = perplexity(model, corpus.validation, ctx, { length: 12, windows: 4 });
      return Object.fromEntries(rows.map(({ source, nll }) => [source, nll]));
    };
    const [lost, won] = [lossesOf(from), lossesOf(own('to'))];
    const best = artefact.rounds[artefact.bestRound];
    for (const name of ['x', 'y']) {
      t.ok(won[name]! < lost[name]!, `${name}: ${lost[name]} → ${won[name]}`);
      t.ok(Math.abs(won[name]! - best!.validation[name]!) < 1e-4, 'as the artefact says');
      const dense = lossesOf(job.model)[name]!;
      const degraded = (lost[name]! - dense) / dense;
      t.ok(Math.abs(artefact.rounds[0]!.degradation[name]! - degraded) < 1e-4, 'against dense');
    }
  });
  t.end();
});

t.test('when a model recovers on instructions, then their tokens decide on the steps', (t) => {
  inFolder((dir) => {
    const { job, from, own } = setting(dir);
    const artefact = recoverInstruct(ctx, job, instructions, { from, dir: own('to') });
    const mean = examples.reduce((sum, { ids }) => sum + ids.length, 0) / examples.length;
    t.equal(mean, 7.5);
    t.equal(artefact.losses.length, Math.floor(240 / (3 * 7.5)));
    t.match(artefact, { stage: 'instruct', seed: 9 });
    const lossOf = (folder: string): number => {
      using model = loadModel(folder);
      return responseLoss(ctx, model, instructions.validation, { batch: 2, padId: 2 });
    };
    t.ok(lossOf(own('to')) < lossOf(from), `${lossOf(from)} → ${lossOf(own('to'))}`);
    const least = { ...job, instructTuning: { ...job.instructTuning, tokens: 1 } };
    const short = recoverInstruct(ctx, least, instructions, { from, dir: own('short') });
    t.equal(short.losses.length, 2, 'a step for each round at least');
  });
  t.end();
});

/** Runs `stage` to its end in one folder; in another it is stopped at every few checkpoints and goes on. */
function sameAfterStops(
  t: Test,
  stage: (ctx: Context, dir: string) => unknown,
  own: (name: string) => string,
): void {
  const whole = stage(ctx, own('whole'));
  let stops = 0;
  let result: unknown;
  while (result === undefined && stops < 50) {
    const events: RunEvent[] = [];
    const { ctx: stopping } = stoppingContext(10, (event) => events.push(event));
    try {
      result = stage(stopping, own('stopped'));
    } catch (thrown) {
      stops++;
      t.match(thrown, { code: 'RUN_ABORTED' });
    }
  }
  t.ok(stops > 0, `${stops} stops`);
  t.same(result, whole);
  using a = loadModel(own('whole'));
  using b = loadModel(own('stopped'));
  t.strictSame(snapshot(b), snapshot(a), 'bit for bit');
}

t.test('when a recovery is stopped again and again, then it ends as if it had not been', (t) => {
  inFolder((dir) => {
    const { job, from, own } = setting(dir);
    sameAfterStops(
      t,
      (context, to) => recoverPretraining(context, job, corpus, budgetOf(job), { from, dir: to }),
      own,
    );
  });
  inFolder((dir) => {
    const { job, from, own } = setting(dir);
    sameAfterStops(
      t,
      (context, to) => recoverInstruct(context, job, instructions, { from, dir: to }),
      own,
    );
  });
  t.end();
});

t.test(
  'when the folder of the model is not there, then the error says so, and no tensor stays',
  (t) => {
    inFolder((dir) => {
      const { job, own } = setting(dir);
      const before = tensorCount();
      const folders = { from: join(dir, 'nowhere'), dir: own('to') };
      t.throws(() => recoverInstruct(ctx, job, instructions, folders), {
        code: 'CHECKPOINT_NOT_FOUND',
      });
      t.equal(tensorCount(), before);
    });
    t.end();
  },
);

const entries = (count: number, word = 'Say') =>
  Array.from({ length: count }, (_, i) => ({
    instruction: `${word} ${i}.`,
    output: `It is ${i}.`,
  }));

/** Instructions of these files, read as a job names them. */
async function read(
  dir: string,
  instruct: { path: string; validation?: string; train_on_inputs?: boolean },
  { length = 256, context = ctx } = {},
) {
  writeFileSync(join(dir, 'a.json'), JSON.stringify(entries(100)));
  writeFileSync(join(dir, 'b.json'), JSON.stringify(entries(30, 'Tell')));
  const input = { model: '/m', sources: { x: 'x' }, sequence_length: length, instruct };
  const job = parseJob(input, { cwd: dir });
  return readExamples(job, job.instruct!, loadTokenizer(denseModel), context);
}

t.test(
  'when no validation is named, then a share is held out; when one is, all of it counts',
  async (t) => {
    const dir = t.testdir({});
    const held = await read(dir, { path: 'a.json' });
    t.equal(held.validation.length, 2, '2 % of 100');
    t.equal(held.train.length, 98);
    const named = await read(dir, { path: 'a.json', validation: 'b.json' });
    t.equal(named.train.length, 100, 'nothing is held out of what is trained on');
    t.equal(named.validation.length, 30, 'and nothing of what is validated on is left out');
  },
);

t.test(
  'when instructions are encoded, then the response alone is a target unless asked',
  async (t) => {
    const dir = t.testdir({});
    const tokenizer = loadTokenizer(denseModel);
    const { train, padId } = await read(dir, { path: 'a.json' });
    t.equal(padId, tokenizer.eosId);
    const [{ ids, labels }] = train as [Example];
    const targets = Array.from(labels).filter((label) => label !== ignored);
    t.match(tokenizer.decode(targets, { skipSpecialTokens: true }), /^It is \d+\.$/);
    t.equal(targets.at(-1), tokenizer.eosId);
    t.match(tokenizer.decode(ids), /### Instruction:\nSay \d+\.\n\n### Response:\nIt is/);
    const [all] = (await read(dir, { path: 'a.json', train_on_inputs: true })).train;
    t.notOk(all?.labels.includes(ignored));
  },
);

t.test(
  'when nothing fits, nothing is there, or the user stops, then the error says which',
  async (t) => {
    const dir = t.testdir({});
    await t.rejects(read(dir, { path: 'a.json' }, { length: 8 }), { code: 'DATA_EMPTY' });
    await t.rejects(read(dir, { path: 'no.json' }), { code: 'DATA_NOT_FOUND' });
    await t.rejects(read(dir, { path: 'a.json', validation: 'no.json' }), {
      code: 'DATA_NOT_FOUND',
    });
    const context = stoppingContext(3).ctx;
    await t.rejects(read(dir, { path: 'a.json' }, { context }), { code: 'RUN_ABORTED' });
  },
);

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Job } from '../../lib/config/job.js';
import {
  evaluate,
  generate,
  plan,
  planModel,
  prune,
  recover,
  resume,
  run,
  score,
} from '../../lib/engine/client.js';
import type { RunEvent, StageName } from '../../lib/events.js';
import { readManifest } from '../../lib/run_folder/manifest.js';
import { denseModel as model, quickstart } from '../fixtures/pages.js';
import { tinyJob, weightsOf } from '../fixtures/tiny_job.js';

/** Runs until the first progress of `stage`, then aborts. */
async function stopIn(stage: StageName, job: Job): Promise<void> {
  const controller = new AbortController();
  const onEvent = (event: RunEvent) => {
    if (event.type === 'progress' && event.stage === stage) controller.abort();
  };
  await t.rejects(run(job, { signal: controller.signal, onEvent }), {
    code: 'RUN_ABORTED',
    hint: `run --resume ${job.output}`,
    facts: { folder: job.output },
  });
  t.notOk(existsSync(join(job.output, '.lock')), 'the folder is free');
}

t.test(
  'when a run is stopped in a stage and resumed, then its weights are those of a whole run',
  async (t) => {
    const dir = t.testdir({});
    const whole = await run(tinyJob(join(dir, 'whole')), { command: 'test' });
    t.ok(existsSync(whole.report));
    t.match(readManifest(whole.output), { start: { command: 'test', machine: { threads: 1 } } });
    const expected = weightsOf(whole.output);

    for (const stage of ['lhspg', 'recover-pretraining'] as const) {
      const job = tinyJob(join(dir, stage));
      await stopIn(stage, job);
      const reused: StageName[] = [];
      const summary = await resume(job.output, {
        onEvent(event) {
          if (event.type === 'stage-start' && event.reused) reused.push(event.stage);
        },
      });
      t.ok(reused.includes('knowledge'));
      t.notOk(reused.includes(stage));
      t.equal(weightsOf(summary.output), expected, stage);
    }
  },
);

t.test('when a pruned model is recovered, then as by a run, and pruning stands', async (t) => {
  const dir = t.testdir({});
  const job = tinyJob(join(dir, 'run'));
  const { instruct } = job;
  await t.rejects(recover(job), { code: 'RUN_CORRUPT' });
  await t.rejects(recover(dir), { code: 'RUN_CORRUPT', message: /holds no run/ });
  t.notOk(existsSync(job.output));
  await prune({ ...job, instruct: null });
  const other = { ...job, ratio: 0.3 };
  await t.rejects(recover(other), {
    code: 'CONFIG_INVALID',
    message: /ratio is 0\.2 there, 0\.3 here/,
  });
  t.equal(readManifest(job.output).job.ratio, 0.2, 'the run is as it was');

  // instructions are no matter of the pruning: they may come now
  const stages: Record<string, StageName[]> = { read: [], done: [] };
  const recovering = recover({ ...job, instruct });
  for await (const event of recovering) {
    if (event.type === 'stage-start') stages[event.reused ? 'read' : 'done']?.push(event.stage);
  }
  t.ok(stages['read']?.includes('compress'));
  t.strictSame(
    stages['done'],
    ['evaluate-dense', 'evaluate-cut', 'recover-pretraining', 'recover-instruct'].concat(
      ...['export', 'evaluate-recovered', 'report'],
    ),
  );
  const { output } = await recovering;
  const whole = await run(tinyJob(join(dir, 'whole')));
  t.equal(weightsOf(output), weightsOf(whole.output));
});

t.test('when nothing is to be written, then plan, score and evaluate answer', async (t) => {
  const dir = t.testdir({ 'a.txt': 'Once upon a time, there was a little girl.' });
  const found = await plan(tinyJob(join(dir, 'none')));
  t.match(found, { widths: { achieved: Number }, budget: { tokensPerStep: 256 } });
  t.notOk(existsSync(join(dir, 'none')));

  const alone = await planModel({ model, target: 'kv=0.5', probe: false });
  t.match(alone, { cut: { kvHeads: 2, engines: [{ engine: 'transformers', loads: true }] } });

  const scored = await score({ model, file: join(dir, 'a.txt') });
  t.ok(scored.perplexity > 1 && scored.perplexity < 10, `${scored.perplexity}`);
  t.equal(scored.tokens.length, scored.scored + 1);

  await t.rejects(evaluate({ model, tasks: ['boolqq'] }), { code: 'TASK_UNKNOWN', hint: /boolq/ });
});

t.test('when a device is not there, then DEVICE_FAILED and nothing is written', async (t) => {
  const output = join(t.testdir({}), 'none');
  await t.rejects(run(tinyJob(output, { device: 'cuda:7' })), { code: 'DEVICE_FAILED' });
  t.notOk(existsSync(output));
});

t.test('when the model is none, then its error crosses and nothing is written', async (t) => {
  const output = join(t.testdir({}), 'none');
  const job = tinyJob(output, { model: join(quickstart, 'data') });
  await t.rejects(run(job), { code: 'CHECKPOINT_NOT_FOUND' });
  t.notOk(existsSync(output));
});

t.test(
  'when a job is refused before its first stage ended, then its folder is free for the next',
  async (t) => {
    const dir = t.testdir({ empty: { 'train.txt': '', 'validation.txt': '' } });
    const output = join(dir, 'out');
    const bad = tinyJob(output, { sources: { empty: join(dir, 'empty') } });
    await t.rejects(run(bad), { code: 'DATA_EMPTY' });
    t.notOk(existsSync(output));
    const greedy = tinyJob(output, { ratio: 0.99 });
    await t.rejects(run(greedy), { code: 'RATIO_UNREACHABLE' });
    t.notOk(existsSync(output));
  },
);

t.test('when a text is generated, then its tokens come while it is written', async (t) => {
  const events: string[] = [];
  const tokens: { index: number; id: number; text: string }[] = [];
  const request = { model, prompt: 'Once upon a time', maxNewTokens: 8, threads: 1 };
  const result = await generate(request, {
    onEvent: ({ type }) => events.push(type),
    onToken: ({ index, id, text }) => tokens.push({ index, id, text }),
  });
  t.equal(tokens.map(({ text }) => text).join(''), result.text);
  t.strictSame(
    tokens.map(({ index, id }) => [index, id]),
    result.ids.map((id, index) => [index, id]),
  );
  t.strictSame(events, ['stage-start', ...result.ids.map(() => 'token'), 'stage-end']);
  const controller = new AbortController();
  const onToken = () => {
    controller.abort();
  };
  const long = { ...request, maxNewTokens: 500, ignoreEnd: true };
  await t.rejects(generate(long, { signal: controller.signal, onToken }), {
    code: 'RUN_ABORTED',
    hint: /same command/,
  });
});

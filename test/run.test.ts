import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../lib/context.js';
import type { RunEvent, StageName } from '../lib/events.js';
import { planJob } from '../lib/run.js';
import { tensorCount } from '../lib/tensor/scope.js';
import { writePages } from './fixtures/pages.js';
import { runJob, stageLog, tinyJob } from './fixtures/pipeline_run.js';

const dir = mkdtempSync(join(tmpdir(), 'lorashear-run-'));
t.teardown(() => {
  rmSync(dir, { recursive: true, force: true });
});
const { sources, instruct } = writePages(join(dir, 'pages'));
const jobIn = (name: string): ReturnType<typeof tinyJob> =>
  tinyJob({
    sources: { tales: sources['tales'] as string },
    instruct,
    instruct_tuning: { tokens: 2000, rounds: 1, batch_size: 4 },
    output: join(dir, name),
  });

const weights = (output: string): string =>
  readFileSync(join(output, 'model', 'model.safetensors')).toString('base64');

const artefact = (output: string, stage: StageName): unknown =>
  (JSON.parse(readFileSync(join(output, `${stage}.json`), 'utf8')) as { value: unknown }).value;

/** Stages whose artefacts tell how a run went, wherever it was stopped. */
const telling: StageName[] = [
  'knowledge',
  'lhspg',
  'compress',
  'recover-pretraining',
  'recover-instruct',
  'evaluate-recovered',
];

t.test('when a job is planned, then the plan is what the run then does', async (t) => {
  const job = jobIn('planned');
  const found = await planJob(createContext(), job, { probe: false });
  const { widths, budget, partition, description } = found;
  t.equal(budget.lhspg + budget.recovery, 16);
  t.ok(Math.abs(widths.achieved - 0.2) <= 0.005);
  t.equal(widths.parameters, Math.round(widths.achieved * partition.parameters));
  t.match(description, /heads/);
  t.notOk(existsSync(job.output), 'nothing is written');
});

t.test(
  'when a run is stopped in any stage and resumed, then its model is bit for bit that of a run in one go',
  async (t) => {
    const before = tensorCount();
    const direct = jobIn('direct');
    const log = stageLog();
    const metrics = new Map<StageName, number>();
    await runJob(direct, {
      emit(event) {
        log.emit(event);
        if (event.type === 'metric') metrics.set(event.stage, (metrics.get(event.stage) ?? 0) + 1);
      },
    });
    t.strictSame(log.reused, []);
    const expected = weights(direct.output);
    const told = telling.map((stage) => artefact(direct.output, stage));
    t.equal(tensorCount(), before, 'nothing leaks');

    // one run, stopped in each stage at its beginning and in those that train also between two steps
    const halfway = (stage: StageName): number => Math.ceil((metrics.get(stage) ?? 0) / 2);
    const stops = log.computed
      .filter((stage) => stage !== 'report')
      .flatMap((stage): [StageName, number][] =>
        metrics.has(stage)
          ? [
              [stage, 0],
              [stage, halfway(stage)],
            ]
          : [[stage, 0]],
      );
    t.equal(stops.length, 13 + 3);
    const job = jobIn('stopped');
    const stages: StageName[] = [];
    for (const [stage, steps] of stops) {
      const { emit: note, computed, reused } = stageLog();
      const ended: StageName[] = [];
      let stop = false;
      let seen = 0;
      const emit = (event: RunEvent): void => {
        note(event);
        if (event.type === 'stage-end' && !reused.includes(event.stage)) ended.push(event.stage);
        if (event.type === 'stage-start' && event.stage === stage && steps === 0) stop = true;
        if (event.type === 'metric' && event.stage === stage && ++seen === steps) stop = true;
      };
      const watch = { resume: existsSync(job.output), emit, aborted: () => stop };
      await t.rejects(runJob(job, watch), { code: 'RUN_ABORTED' }, `${stage} after ${steps} steps`);
      t.equal(tensorCount(), before, 'the stop leaks nothing');
      t.strictSame(reused, stages, 'what was done is read');
      if (steps > 0) t.strictSame(computed, [stage], 'and its training goes on');
      stages.push(...ended);
    }
    await runJob(job, { resume: true });
    t.equal(weights(job.output), expected);
    t.strictSame(
      telling.map((name) => artefact(job.output, name)),
      told,
    );
  },
);

// `recover` as a person calls it, on what `prune` left.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Manifest } from '../../lib/run_folder/manifest.js';
import type { RunSummary } from '../../lib/run.js';
import { denseModel, writePages } from '../fixtures/pages.js';
import { cli } from './program.js';

const small = [
  ...['ratio=0.2', 'sequence_length=160', 'batch_size=1', 'tokens=2560', 'knowledge.ratios=[0.25]'],
  ...['knowledge.sequences=3', 'lhspg.periods=2', 'lhspg.token_share=0.4', 'lhspg.sequences=4'],
  ...['recovery.rounds=2', 'recovery.validation_windows=2', 'evaluation.windows=2'],
];

/** The events of `--json`, one a line. */
const eventsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; stage?: string; reused?: boolean });

t.test('when a pruned model is recovered, then pruning stands and the rest is done', async (t) => {
  const dir = t.testdir({});
  const { sources } = writePages(join(dir, 'pages'));
  const run = join(dir, 'run');
  const source = `tales=${sources['tales'] as string}`;
  const pruned = await cli(['prune', denseModel, '--source', source, '-o', run, ...small]);
  t.equal(pruned.code, 0, pruned.stderr);
  t.match(pruned.stdout, `go on with  lorashear-native recover ${run}`);
  t.notOk(existsSync(join(run, 'report.html')));

  const other = await cli(['recover', run, 'ratio=0.5']);
  t.match(other, { code: 2, stderr: /CONFIG_INVALID/ }, 'how it was pruned stays');

  const { code, stdout, stderr } = await cli(['recover', run, '--json', 'recovery.rounds=3']);
  t.equal(code, 0, stderr);
  const events = eventsOf(stdout);
  const stages = (reused: boolean) =>
    events.flatMap((e) => (e.type === 'stage-start' && e.reused === reused ? [e.stage] : []));
  t.strictSame(stages(true).slice(-2), ['lhspg', 'compress']);
  t.strictSame(stages(false), [
    ...['evaluate-dense', 'evaluate-cut', 'recover-pretraining', 'export'],
    ...['evaluate-recovered', 'report'],
  ]);
  const result = events.at(-1) as unknown as RunSummary;
  t.match(result, {
    ...{ type: 'result', output: run, model: join(run, 'model') },
    recovery: [{ stage: 'pretraining', stopReason: String, rounds: [{}, {}, {}] }],
  });
  t.ok(existsSync(result.report));
  const { job, resumes } = JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8')) as Manifest;
  t.equal(job.recovery.rounds, 3);
  t.match(resumes.at(-1)?.command, `lorashear-native recover ${run} --json recovery.rounds=3`);

  const again = await cli(['recover', run]);
  t.equal(again.code, 0, 'what has ended is read');
  t.match(again.stdout, /^perplexity +dense +cut +recovered +taken back$/m);
  t.match(again.stdout, /^recovery {4}on text: [\d,]+ tokens in 3 rounds, /m);
  t.match(again.stdout, `report      ${join(run, 'report.html')}`);
});

t.test('when a folder holds nothing pruned, then the command says what to do', async (t) => {
  const dir = t.testdir({});
  t.match(await cli(['recover', dir]), { code: 9, stderr: /RUN_CORRUPT/ });
  t.match(await cli(['recover']), { code: 2, stderr: /missing required argument 'run'/ });
});

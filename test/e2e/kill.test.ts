// kill -9 at a random moment of every stage; LORASHEAR_KILL_SEED repeats the moments that a failure printed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createRandom } from '../../lib/data/random.js';
import { type StageName, stages } from '../../lib/events.js';
import { cli, jobFile, type SeenEvent } from '../fixtures/cli_run.js';
import { weightsOf } from '../fixtures/tiny_job.js';

const seed = Number(process.env['LORASHEAR_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = createRandom(seed);

interface Artefact {
  seconds: number;
  value: unknown;
}

const artefact = (output: string, stage: StageName): Artefact =>
  JSON.parse(readFileSync(join(output, `${stage}.json`), 'utf8')) as Artefact;

/** What a stage found, without what differs between two runs: times, and where the folder lies. */
function found(output: string, stage: StageName): unknown {
  const text = JSON.stringify(artefact(output, stage).value).replaceAll(output, '');
  return JSON.parse(text, (key, value: unknown) =>
    key === 'seconds' || tellsOfTheSessions(value) ? 0 : value,
  );
}

/** Parts of the report that are to differ: how fast the models were, when and how the run was started. */
function tellsOfTheSessions(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  const { id, columns } = value as { id?: unknown; columns?: unknown };
  return id === 'repeat' || (Array.isArray(columns) && columns.includes('reading, tokens/s'));
}

/** The last line of each step: steps behind the last saved state are done again. */
function metrics(output: string): Map<string, unknown> {
  const lines = readFileSync(join(output, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { stage: string; step: number });
  return new Map(rows.map((row) => [`${row.stage} ${row.step}`, row]));
}

t.test(
  'when a run is killed in every stage, then its end is that of a run in one go',
  async (t) => {
    t.comment(`LORASHEAR_KILL_SEED=${seed}`);
    const dir = t.testdir({});
    const whole = jobFile(dir, 'whole');
    const first = await cli(['run', whole.file]);
    t.match(first, { code: 0 }, first.text);

    const { output, file } = jobFile(dir, 'killed');
    for (const stage of stages) {
      const { seconds } = artefact(whole.output, stage);
      const wait = random.uniform() * seconds * 1000;
      const began: SeenEvent[] = [];
      const again = stage === stages[0] ? [file] : ['--resume', output];
      const killed = await cli(['run', ...again, '--json'], (event, child) => {
        if (event.type !== 'stage-start' || event.stage !== stage || event.reused) return;
        began.push(event);
        if (wait < 2) child.kill('SIGKILL');
        else setTimeout(() => child.kill('SIGKILL'), wait);
      });
      const moment = `${stage} after ${wait.toFixed(0)} of ${(1000 * seconds).toFixed(0)} ms`;
      // A stage of a few milliseconds may have ended, and be read by the next session.
      if (began.length > 0)
        t.match(killed, { signal: 'SIGKILL' }, `${moment}: ${killed.text.slice(-300)}`);
      else t.equal(killed.code, 0, `${moment} was done before: ${killed.text.slice(-300)}`);
    }
    const resumed = await cli(['run', '--resume', output]);
    t.match(resumed, { code: 0 }, resumed.text);
    t.equal(weightsOf(output), weightsOf(whole.output));
    for (const stage of stages) {
      t.strictSame(found(output, stage), found(whole.output, stage), stage);
    }
    t.strictSame(metrics(output), metrics(whole.output));
    const all = readdirSync(output, { recursive: true }) as string[];
    const left = all.filter((name) => /(^|\/)\.|partial|\.tmp$/.test(name));
    t.same(left, [], 'nothing is left beside');
  },
);

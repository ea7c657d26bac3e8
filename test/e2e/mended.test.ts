// What goes wrong in the middle of a run: one error that says what, the work that was done kept, and a resume that
// ends as if nothing had happened.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cli, jobFile } from '../fixtures/cli_run.js';
import { weightsOf } from '../fixtures/tiny_job.js';

const dir = t.testdir({});
const whole = jobFile(dir, 'whole');
t.match(await cli(['run', whole.file]), { code: 0 });
const expected = weightsOf(whole.output);

async function goesOn(output: string): Promise<void> {
  const resumed = await cli(['run', '--resume', output]);
  t.match(resumed, { code: 0 }, resumed.text);
  t.equal(weightsOf(output), expected);
}

/** Ends with Ctrl-C at the third step of `stage`, whose state is saved. */
async function stopped(name: string, stage: string) {
  const job = jobFile(dir, name);
  let pressed = false;
  const ended = await cli(['run', job.file, '--json'], (event, child) => {
    if (event.type !== 'metric' || event.stage !== stage || pressed) return;
    pressed = true;
    child.kill('SIGINT');
  });
  t.match(ended, { code: 130 }, ended.text);
  return job;
}

t.test('when the disk is full, then the error says so and a resume goes on', async (t) => {
  // KiB: the partition, and the state of LHSPG, are the first files beyond these
  for (const [limit, stands] of [
    [60, 'trace'],
    [300, 'budget'],
  ] as const) {
    const { output, file } = jobFile(dir, `full-${limit}`);
    const full = await cli(['run', file], undefined, limit);
    t.match(full, { code: 9, text: /OUTPUT_FAILED[^]*hint: .*room/ }, full.text);
    t.ok(existsSync(join(output, `${stands}.json`)), full.text);
    const half = (readdirSync(output, { recursive: true }) as string[]).filter((name) =>
      name.includes('partial'),
    );
    t.same(half, [], 'nothing half-written is left');
    await goesOn(output);
  }
});

t.test('when a data file is gone at a resume, then it is named and the run waits', async (t) => {
  const { output } = await stopped('gone', 'lhspg');
  const data = join(dir, 'pages', 'tales', 'train.jsonl');
  renameSync(data, `${data}.away`);
  const resumed = await cli(['run', '--resume', output]);
  t.match(resumed, { code: 4, text: /DATA_NOT_FOUND[^]*tales/ }, resumed.text);
  renameSync(`${data}.away`, data);
  await goesOn(output);
});

for (const stage of ['lhspg', 'recover-pretraining', 'recover-instruct']) {
  t.test(
    `when a NaN is in the saved state of ${stage}, then it is told, not trained on`,
    async (t) => {
      const { output } = await stopped(`nan-${stage}`, stage);
      const state = join(output, 'checkpoints', stage);
      const name = readdirSync(state).find((file) => /^state-\d+\.safetensors$/.test(file))!;
      const path = join(state, name);
      const good = readFileSync(path);
      writeFileSync(path, poisoned(good));
      const before = readdirSync(output).sort();
      const resumed = await cli(['run', '--resume', output]);
      t.match(resumed, { code: 9, text: /RUN_CORRUPT[^]*not finite[^]*hint:/ }, resumed.text);
      t.same(readdirSync(output).sort(), before, 'what was done stands');
      writeFileSync(path, good);
      await goesOn(output);
    },
  );
}

/** The bytes of a safetensors file with a NaN in the first number of its first tensor of LoRA. */
function poisoned(bytes: Buffer): Buffer {
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const name = Object.keys(header).find((key) => /lora/i.test(key))!;
  const changed = Buffer.from(bytes);
  changed.writeFloatLE(NaN, 8 + length + header[name]!.data_offsets[0]);
  return changed;
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { planCommand } from '../../lib/cli/plan.js';
import { denseModel } from '../fixtures/pages.js';
import { captureOutput } from './captured_output.js';

/** What `plan` prints for these arguments. */
async function plan(...args: string[]): Promise<string> {
  const out = captureOutput((text) => text.includes('parameters'));
  try {
    await planCommand()
      .exitOverride()
      .parseAsync(['--no-probe', ...args], { from: 'user' });
  } finally {
    out.restore();
  }
  return out.texts.join('');
}

t.test('when a folder is the operand, then it is the model and needs no data', async (t) => {
  const text = await plan(denseModel);
  t.match(text, /260,032 parameters; 1 weight file/);
  t.match(text, /layers\.\*\.mlp\.channels/);
  t.match(text, /Engines that load the result\n.*yes.*transformers/);
  const before = (printed: string) => printed.slice(0, printed.indexOf('A run on this machine'));
  t.equal(before(await plan('--model', denseModel)), before(text));
});

t.test('when JSON and a drawing are asked for, then both are whole', async (t) => {
  const dir = t.testdir({});
  const file = join(dir, 'graph.svg');
  const json = await plan(
    denseModel,
    '--json',
    '--svg',
    file,
    '--target',
    'kv=0.5',
    '--engines',
    'vllm',
  );
  const found = JSON.parse(json) as Record<string, unknown>;
  t.match(found, {
    cut: { kvHeads: 2, target: { measure: 'kvBytes', ratio: 0.5 }, engines: [{ engine: 'vllm' }] },
    prediction: { seconds: null, memory: { peak: Number } },
  });
  t.notOk('svg' in found);
  t.match(readFileSync(file, 'utf8'), /^<svg .*<\/svg>\n$/s);
});

t.test('when flags of the job are given, then the plan takes them', async (t) => {
  const json = await plan(
    denseModel,
    '--json',
    '--kv-heads',
    '1',
    '--context',
    '100',
    '--batch',
    '3',
    'lora.r=2',
  );
  t.match(JSON.parse(json), { cut: { kvHeads: 3 }, use: { context: 100, batch: 3 } });
});

t.test("when a job is the operand, then the plan is the run's", async (t) => {
  const dir = t.testdir({});
  writeFileSync(
    join(dir, 'job.yaml'),
    `model: ${denseModel}\nsources: { a: a.txt }\ntokens: 100000\n`,
  );
  const text = await plan(join(dir, 'job.yaml'), '--round-channels-to', '4');
  t.match(text, /kv heads and 38 MLP channels of each layer/);
  t.match(text, /^recovery .* on a$/m);
});

t.test('when something is wrong, then the error says what', async (t) => {
  const dir = t.testdir({});
  await t.rejects(plan(dir), { code: 'CHECKPOINT_NOT_FOUND' });
  await t.rejects(plan(), { code: 'CONFIG_INVALID', message: /model is missing/ });
  await t.rejects(plan(dir, '--model', denseModel), {
    code: 'CONFIG_INVALID',
    message: /two models/,
  });
  await t.rejects(plan(denseModel, '--context', 'long'), { code: 'CONFIG_INVALID' });
  await t.rejects(plan(denseModel, '--round-channels-to', '0'), { code: 'CONFIG_INVALID' });
  mkdirSync(join(dir, 'other'));
  writeFileSync(join(dir, 'other/config.json'), '{"model_type": "lama"}');
  await t.rejects(plan(join(dir, 'other')), { code: 'CHECKPOINT_UNSUPPORTED', hint: /llama/ });
});

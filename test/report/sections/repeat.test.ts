import t from 'tap';
import { parse } from 'yaml';
import { parseJob } from '../../../lib/config/parse_job.js';
import { repeat } from '../../../lib/report/sections/repeat.js';
import { bytes } from '../../../lib/report/format.js';
import { currentSession } from '../../../lib/run_folder/manifest.js';
import { blocks, sampleRecord, texts, tables } from '../sample_record.js';

t.test('when the settings are read back, then they are the job', (t) => {
  const record = sampleRecord(t);
  const code = blocks(repeat(record), 'code');
  t.strictSame(
    code.map(({ language }) => language),
    ['sh', 'yaml'],
  );
  t.equal(code[0]?.text, 'lorashear-native run job.yaml --ratio 0.2');
  t.same(parse(code[1]?.text ?? ''), record.manifest.job);
  t.end();
});

t.test('when a session ran, then its versions, machine and threads have a row', (t) => {
  const record = sampleRecord(t);
  const { start } = record.manifest;
  Object.assign(start, { at: '2026-03-04T05:06:07.890Z' });
  Object.assign(start.machine, { cpu: 'Some CPU', cores: 8 });
  const bare = currentSession("lorashear-native run --resume 'my run'", null);
  bare.at = '2026-03-05T00:00:00.000Z';
  bare.machine.cpu = 'Other';
  record.manifest.resumes.push(bare, { ...bare, command: 'again' });
  const section = repeat(record);
  const [memory, system] = [bytes(start.machine.memoryBytes), start.machine.platform];
  const [sessions] = tables(section);
  const node = process.versions.node;
  const version = start.versions.package;
  t.strictSame(sessions?.rows, [
    ['2026-03-04 05:06 UTC', version, '2.11.0', node, 'Some CPU, AVX512', '8', '2', memory, system],
    ...[1, 2].map(() => [
      '2026-03-05 00:00 UTC',
      ...[version, '–', node, 'Other', String(bare.machine.cores), '–', memory, system],
    ]),
  ]);
  t.ok(
    texts(section).includes("Resumed 2 times: `lorashear-native run --resume 'my run'`, `again`."),
  );
  record.manifest.resumes.pop();
  t.match(texts(repeat(record))[1], /^Resumed 1 time: /);
  t.end();
});

t.test('when a run was never resumed, then nothing is said of it', (t) => {
  const record = sampleRecord(t);
  t.notOk(texts(repeat(record)).some((text) => text.startsWith('Resumed')));
  t.match(texts(repeat(record))[0], `seed ${record.manifest.job.seed}`);
  t.end();
});

t.test('when stages took their time and files were read, then both are listed', (t) => {
  const record = { ...sampleRecord(t), seconds: { trace: 0.04, lhspg: 185, knowledge: 7800 } };
  const [, stages] = tables(repeat(record));
  const [files] = tables(repeat(record), true);
  t.strictSame(stages?.rows, [
    ['trace', '0.0 s'],
    ['lhspg', '3 min 05 s'],
    ['knowledge', '2 h 10 min'],
  ]);
  t.strictSame(files?.rows, [
    ['data', '`/home/ada/data/tales/train.jsonl`', '412 kB', `\`${'ab'.repeat(32)}\``],
    [
      'model',
      '`/home/ada/models/stories260K/model.safetensors`',
      '1.04 MB',
      `\`${'cd'.repeat(32)}\``,
    ],
  ]);
  t.end();
});

t.test('when a setting holds what YAML treats apart, then it is read back as it was', (t) => {
  const record = sampleRecord(t);
  const job = parseJob({
    model: "/m: x # 'y'",
    sources: { web: '/- a\n b' },
    evaluation: { sample_prompt: 'yes: "no"\n\n  indented' },
  });
  const odd = { ...record, manifest: { ...record.manifest, job } };
  t.same(parse(blocks(repeat(odd), 'code')[1]?.text ?? ''), job);
  t.end();
});

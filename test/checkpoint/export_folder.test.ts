// What lies beside the weights, shards, a full disk, refusals of forms and engines.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { exportModel } from '../../lib/checkpoint/model_folder.js';
import { compress } from '../../lib/compress/slice.js';
import { verifyExport } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import type { GroupKind } from '../../lib/groups/group.js';
import type { Model } from '../../lib/models/model.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { familyFolder } from '../fixtures/families.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { structuresOf } from '../fixtures/structures.js';
import { cutFixture } from '../fixtures/uneven.js';

const card = { title: 'a test', denseParameters: 30_000 };

t.test('when a padded model is sharded, then its shards hold it', (t) => {
  const dir = t.testdir({});
  const from = familyFolder('llama');
  const { dense, compact } = cutFixture('llama', 'uneven')!;
  const out = join(dir, 'out');
  exportModel(compact, out, { from, card, form: 'padded', maxShardBytes: 20_000 });
  const files = readdirSync(out).filter((file) => file.endsWith('.safetensors'));
  t.ok(files.length > 2);
  const { weight_map: owners } = JSON.parse(
    readFileSync(join(out, 'model.safetensors.index.json'), 'utf8'),
  ) as { weight_map: Record<string, string> };
  t.same([...new Set(Object.values(owners))].sort(), files.sort());
  const tokens = longTensor([5, 4, 3], [1, 3]);
  verifyExport(createContext(), out, compact, tokens);
  for (const owner of [dense, compact, tokens]) owner.dispose();
  t.end();
});

t.test('when forms and layers need words, then the card has them', (t) => {
  const dir = t.testdir({});
  const from = familyFolder('llama');
  const { dense, compact } = cutFixture('llama', 'uneven')!;
  const cardOf = (form: 'padded' | 'per-layer'): string => {
    exportModel(compact, join(dir, form), { from, card, form });
    return readFileSync(join(dir, form, 'README.md'), 'utf8');
  };
  const padded = cardOf('padded');
  t.match(padded, '| layer | query heads | kv heads | MLP channels |');
  t.match(padded, '| 0 | 2 | 1 | 43 |');
  t.match(padded, '| 1 | 4 | 2 | 41 |');
  t.match(padded, /1,728 of its 17,632 parameters \(9\.8 %, 6,912 bytes\) are zeros/);
  t.match(padded, '15,904 parameters: 47.0 %');
  t.notMatch(padded, 'trust_remote_code');
  const own = cardOf('per-layer');
  t.equal(own.split('trust_remote_code=True)').length, 3, 'model and tokenizer');
  t.match(own, /\| vllm \| no \| all layers with attention have the same number of query heads/);
  t.match(readConfig(join(dir, 'padded')), {
    lorashear: { form: 'padded', dense: { intermediate_size: 48, num_key_value_heads: 2 } },
  });
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});

t.test('when a family has other names for its sizes, then the origin has those', (t) => {
  const dir = t.testdir({});
  const { dense, compact } = cutFixture('opt', 'even')!;
  exportModel(compact, join(dir, 'out'), { from: familyFolder('opt'), card });
  t.same(readConfig(join(dir, 'out'))['lorashear'], {
    form: 'uniform',
    dense: { num_attention_heads: 4, ffn_dim: 48, parameters: 30_000 },
  });
  t.match(
    readFileSync(join(dir, 'out', 'README.md'), 'utf8'),
    '| MLP channels per layer | 48 | 43 |',
  );
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});

t.test('when there are named chat templates, then they are carried and replaced', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'));
  mkdirSync(join(from, 'additional_chat_templates'));
  writeFileSync(join(from, 'additional_chat_templates', 'rag.jinja'), '{{ messages }}');
  writeFileSync(join(from, 'additional_chat_templates', 'notes.txt'), 'mine');
  const model = loadModel(from);
  const out = join(dir, 'out');
  for (const title of ['first', 'second']) exportModel(model, out, { from, card: { title } });
  t.same(readdirSync(join(out, 'additional_chat_templates')), ['rag.jinja']);
  t.match(readFileSync(join(out, 'README.md'), 'utf8'), '# second');
  model.dispose();
  t.end();
});

t.test('when a folder in another form is there, then the new export takes its place', (t) => {
  const dir = t.testdir({});
  const from = familyFolder('qwen3');
  const { dense, compact } = cutFixture('qwen3', 'uneven')!;
  const out = join(dir, 'out');
  exportModel(compact, out, { from, card, form: 'per-layer' });
  t.ok(existsSync(join(out, 'modeling_lorashear.py')));
  exportModel(compact, out, { from, card, form: 'padded' });
  t.notOk(existsSync(join(out, 'modeling_lorashear.py')));
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});

const noBash = spawnSync('bash', ['-c', 'ulimit -f 8']).status !== 0;
t.test('when the disk is full half-way, then the export before stays', { skip: noBash }, (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'), { width: 64 });
  const model = loadModel(from);
  const out = join(dir, 'out');
  exportModel(model, out, { from, card: { title: 'first' } });
  model.dispose();
  const before = readFileSync(join(out, 'model.safetensors'));
  const program = fileURLToPath(new URL('../fixtures/export_program.js', import.meta.url));
  // Files end at 8 KiB: the weights do not fit.
  const command = `ulimit -f 8 && exec '${process.execPath}' '${program}' '${from}' '${out}'`;
  const { stdout } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
  t.equal(stdout, 'OUTPUT_FAILED');
  t.same(readFileSync(join(out, 'model.safetensors')), before);
  t.match(readFileSync(join(out, 'README.md'), 'utf8'), '# first');
  t.same(readdirSync(dir).sort(), ['dense', 'out'], 'nothing else is left');
  t.end();
});

t.test('when a form cannot hold a model, then the error says why and what can', (t) => {
  const dir = t.testdir({});
  const from = familyFolder('mixtral');
  const dense = loadModel(from);
  const kinds: readonly GroupKind[] = ['experts'];
  const groups = structuresOf(dense, kinds);
  const [first] = groups.groups.filter(({ kind }) => kind === 'experts');
  const compact = compress(dense, groups, new Map([[first!.id, [1]]]));
  const write = (form: string): unknown =>
    exportModel(compact, join(dir, 'out'), { from, card, form: form as 'padded' });
  t.throws(() => write('uniform'), {
    code: 'EXPORT_FORM',
    message: /num_local_experts is 3 in layer 0 and 4 in layer 1/,
  });
  t.throws(() => write('padded'), { code: 'EXPORT_FORM', message: /experts/, hint: /router/ });
  t.throws(() => write('zipped'), { code: 'CONFIG_INVALID', hint: /per-layer/ });
  t.notOk(existsSync(join(dir, 'out')));
  write('per-layer');
  for (const owner of [dense, compact]) owner.dispose();

  const gpt2 = cutFixture('gpt2', 'uneven')!;
  const groupsOf = structuresOf(gpt2.dense, ['attention_heads']);
  const heads = groupsOf.groups.filter((g) => g.kind === 'attention_heads');
  const even = compress(gpt2.dense, groupsOf, new Map(heads.map(({ id }) => [id, [0]])));
  t.throws(() => exportModel(even, join(dir, 'gpt2'), { from: familyFolder('gpt2'), card }), {
    code: 'EXPORT_FORM',
    message: /2 of 8 make 16, n_embd is 24/,
    hint: /padded/,
  });
  for (const owner of [gpt2.dense, gpt2.compact, even]) owner.dispose();
  t.end();
});

t.test('when experts have channels that do not run, then zeros make up for them', (t) => {
  const dir = t.testdir({});
  const from = familyFolder('mixtral');
  const dense = loadModel(from);
  const groups = structuresOf(dense, ['expert_channels']);
  const inner = groups.groups.filter(({ kind }) => kind === 'expert_channels');
  const keep = (n: number): Model =>
    compress(dense, groups, new Map(inner.map(({ id }) => [id, [...Array(20 - n).keys()]])));
  const [fifteen, twelve] = [keep(15), keep(12)];
  const write = (model: Model, form: 'uniform' | 'padded', dtype?: 'bfloat16'): unknown =>
    exportModel(model, join(dir, 'out'), { from, card, form, ...(dtype ? { dtype } : {}) });
  t.throws(() => write(fifteen, 'uniform'), { code: 'EXPORT_FORM', message: /15.*multiple of 4/ });
  t.throws(() => write(twelve, 'uniform', 'bfloat16'), { message: /multiple of 8 in bfloat16/ });
  write(twelve, 'uniform');
  t.match(write(fifteen, 'padded'), { waste: { parameters: 2 * 4 * 3 * 32 } });
  t.match(readConfig(join(dir, 'out')), { intermediate_size: 16 });
  for (const owner of [dense, fifteen, twelve]) owner.dispose();
  t.end();
});

t.test('when an engine is asked that does not take the form, then it is named', (t) => {
  const dir = t.testdir({});
  const from = familyFolder('llama');
  const { dense, compact } = cutFixture('llama', 'uneven')!;
  const write = (form: 'padded' | 'per-layer', ...engines: string[]): unknown =>
    exportModel(compact, join(dir, 'out'), { from, card, form, engines });
  t.match(write('padded', 'vllm', 'llama.cpp'), {
    engines: [
      { engine: 'vllm', loads: true },
      { engine: 'llama.cpp', loads: true },
    ],
  });
  for (const engine of ['vllm', 'llama.cpp']) {
    t.throws(() => write('per-layer', 'transformers', engine), {
      code: 'EXPORT_FORM',
      message: new RegExp(`^${engine} .*query heads`),
      facts: { engine },
    });
  }
  t.match(write('per-layer', 'transformers'), { engines: [{ loads: true }, {}, {}] });
  t.throws(() => write('per-layer', 'ollama'), { code: 'CONFIG_INVALID' });
  t.throws(() => write('padded', 'ollama'), { code: 'CONFIG_INVALID' });
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { exportModel, refuseOccupied } from '../../lib/checkpoint/model_folder.js';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { compress } from '../../lib/compress/slice.js';
import { verifyExport } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import {
  type LlamaOptions,
  handPartition,
  randomLlama,
  randomUnits,
} from '../fixtures/random_llama.js';

const ctx = createContext();
const card = { title: 'a test', denseParameters: 1000 };

for (const [what, options, modelType] of [
  ['a tied llama', { heads: 8, kvHeads: 4, width: 16 }, 'llama'],
  [
    'an untied llama with biases',
    { heads: 8, kvHeads: 4, width: 12, tied: false, biases: true },
    'llama',
  ],
  ['a llama cut to heads that do not divide', { heads: 8, kvHeads: 4, width: 32 }, 'mistral'],
] as [string, LlamaOptions, string][]) {
  t.test(`when ${what} is exported, then our loader reads back what was saved`, (t) => {
    const before = tensorCount();
    const dir = t.testdir({});
    const from = writeModelFolder(join(dir, 'dense'), options);
    const dense = loadModel(from);
    const partition = handPartition(dense);
    const kvHeads = what.includes('divide') || what.includes('biases') ? 1 : 2;
    const compact = compress(dense, partition, randomUnits(partition, kvHeads, 3));
    const out = join(dir, 'out');
    const exported = exportModel(compact, out, { from, card });
    t.equal(exported.modelType, modelType);
    t.equal(exported.reason === undefined, modelType === 'llama');
    t.same(readdirSync(dir).sort(), ['dense', 'out'], 'nothing else is left');
    t.same(readdirSync(out).sort(), [
      'README.md',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const size = [...compact.parameters()].reduce((sum, [, p]) => sum + p.size, 0);
    t.equal(exported.parameters, size);
    t.ok(exported.bytes > size * 4);
    const tokens = longTensor([5, 4, 3, 2, 1, 0], [2, 3]);
    const { maxAbsDifference } = verifyExport(ctx, out, compact, tokens);
    t.equal(maxAbsDifference, 0);
    const file = new SafetensorsFile(join(out, 'model.safetensors'));
    t.equal(file.entries.has('lm_head.weight'), options.tied === false);
    file.close();
    t.match(readConfig(out), {
      lorashear: { dense: { num_key_value_heads: 4, parameters: 1000 } },
    });
    t.same(JSON.parse(readFileSync(join(out, 'generation_config.json'), 'utf8')), {
      _from_model_config: true,
      bos_token_id: 1,
      eos_token_id: 2,
    });
    for (const owner of [dense, compact, tokens]) owner.dispose();
    t.equal(tensorCount(), before);
    t.end();
  });
}

t.test('when an exported mistral is loaded, then it can be cut and exported again', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'), { heads: 6, kvHeads: 3, width: 32 });
  const model = loadModel(from);
  exportModel(model, join(dir, 'first'), { from, card });
  model.dispose();
  const first = loadModel(join(dir, 'first'));
  t.equal(first.config['model_type'], 'mistral');
  const partition = handPartition(randomLlama({ heads: 6, kvHeads: 3, width: 32 }));
  const removed = randomUnits(partition, 1, 3);
  const compact = compress(first, partition, removed);
  const { modelType } = exportModel(compact, join(dir, 'second'), {
    from: join(dir, 'first'),
    card,
  });
  t.equal(modelType, 'mistral');
  const tokens = longTensor([5, 4, 3], [1, 3]);
  verifyExport(ctx, join(dir, 'second'), compact, tokens);
  for (const owner of [first, compact, tokens]) owner.dispose();
  t.end();
});

t.test('when config.json names a half type, then the weights are stored in it', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'), {}, { torch_dtype: 'bfloat16' });
  const model = loadModel(from);
  exportModel(model, join(dir, 'out'), { from, card });
  const file = new SafetensorsFile(join(dir, 'out', 'model.safetensors'));
  t.same(new Set([...file.entries.values()].map(({ dtype }) => dtype)), new Set(['bfloat16']));
  file.close();
  const tokens = longTensor([5, 4, 3], [1, 3]);
  const { maxAbsDifference, tolerance } = verifyExport(ctx, join(dir, 'out'), model, tokens);
  t.ok(maxAbsDifference > 0 && maxAbsDifference <= tolerance);
  for (const owner of [model, tokens]) owner.dispose();
  t.end();
});

t.test('when tokenizer, generation settings and licence are there, then they are carried', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'));
  writeFileSync(join(from, 'generation_config.json'), '{"temperature": 0.6}');
  writeFileSync(join(from, 'LICENSE'), 'MIT');
  writeFileSync(join(from, 'training.log'), 'not this');
  const model = loadModel(from);
  exportModel(model, join(dir, 'out'), { from, card });
  for (const file of ['generation_config.json', 'LICENSE', 'tokenizer.json']) {
    t.same(readFileSync(join(dir, 'out', file)), readFileSync(join(from, file)), file);
  }
  t.notOk(existsSync(join(dir, 'out', 'training.log')));
  model.dispose();
  t.end();
});

t.test('when the folder holds an export of ours, then the new one takes its place', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'));
  const out = join(dir, 'out');
  mkdirSync(out);
  const model = loadModel(from);
  exportModel(model, out, { from, card, maxShardBytes: 4000 });
  t.ok(existsSync(join(out, 'model.safetensors.index.json')));
  exportModel(model, out, { from, card: { title: 'again' } });
  t.notOk(existsSync(join(out, 'model.safetensors.index.json')));
  t.match(readFileSync(join(out, 'README.md'), 'utf8'), '# again');
  t.same(readdirSync(dir).sort(), ['dense', 'out']);
  model.dispose();
  t.end();
});

t.test('when a killed export left its beginnings, then the next one clears them away', (t) => {
  const dir = t.testdir({ '.out.partial': { 'model.safetensors.partial': 'half' } });
  const from = writeModelFolder(join(dir, 'dense'));
  const model = loadModel(from);
  exportModel(model, join(dir, 'out'), { from, card });
  t.same(readdirSync(dir).sort(), ['dense', 'out']);
  t.notOk(existsSync(join(dir, 'out', 'model.safetensors.partial')));
  model.dispose();
  t.end();
});

t.test('when the folder holds anything else, then it is not touched', (t) => {
  const dir = t.testdir({ file: 'text', other: { 'notes.txt': 'mine' } });
  const from = writeModelFolder(join(dir, 'dense'));
  const model = loadModel(from);
  const added = join(dir, 'added');
  exportModel(model, added, { from, card });
  cpSync(from, join(dir, 'another'), { recursive: true });
  writeFileSync(join(added, 'my_notes.txt'), 'mine');
  for (const name of ['file', 'other', 'dense', 'another', 'added']) {
    const out = join(dir, name);
    t.throws(
      () => exportModel(model, out, { from, card }),
      { code: 'OUTPUT_OCCUPIED', hint: String, facts: { dir: out } },
      name,
    );
  }
  t.equal(readFileSync(join(dir, 'other', 'notes.txt'), 'utf8'), 'mine');
  t.equal(readFileSync(join(dir, 'file'), 'utf8'), 'text');
  t.throws(
    () => {
      refuseOccupied(added, added);
    },
    { code: 'OUTPUT_OCCUPIED' },
    'an export of ours is not written onto its own source',
  );
  model.dispose();
  t.end();
});

t.test('when the export fails half-way, then the folder before it stays whole', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'));
  const out = join(dir, 'out');
  const model = loadModel(from);
  exportModel(model, out, { from, card: { title: 'first' } });
  const last = [...model.parameters()].at(-1);
  last?.[1].dispose();
  t.throws(() => exportModel(model, out, { from, card: { title: 'second' } }), {
    code: 'TENSOR_DISPOSED',
  });
  t.same(readdirSync(dir).sort(), ['dense', 'out']);
  t.match(readFileSync(join(out, 'README.md'), 'utf8'), '# first');
  loadModel(out).dispose();

  const whole = loadModel(from);
  t.throws(() => exportModel(whole, join(dir, 'dense', 'config.json', 'out'), { from, card }), {
    code: 'OUTPUT_FAILED',
  });
  t.end();
});

t.test('when LoRA is not merged, then there is no export', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'));
  const model = randomLlama({ rank: 2 });
  t.throws(() => exportModel(model, join(dir, 'out'), { from, card }), { code: 'INTERNAL' });
  t.notOk(existsSync(join(dir, 'out')));
  model.dispose();
  t.end();
});

t.test('when the saved folder is not what was computed, then that is found', (t) => {
  const dir = t.testdir({});
  const from = writeModelFolder(join(dir, 'dense'));
  const model = loadModel(from);
  const out = join(dir, 'out');
  exportModel(model, out, { from, card });
  const tokens = longTensor([5, 4, 3], [1, 3]);
  verifyExport(ctx, out, model, tokens);
  const path = join(out, 'model.safetensors');
  const bytes = readFileSync(path);
  const at = bytes.length - 4 * 40;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
  const before = tensorCount();
  t.throws(() => verifyExport(ctx, out, model, tokens), { code: 'CUT_NOT_EQUAL' }, 'one bit');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
  const config = readConfig(out);
  writeFileSync(join(out, 'config.json'), JSON.stringify({ ...config, rope_theta: 100 }));
  t.throws(() => verifyExport(ctx, out, model, tokens), { code: 'CUT_NOT_EQUAL' }, 'the config');
  t.equal(tensorCount(), before);
  t.end();
});

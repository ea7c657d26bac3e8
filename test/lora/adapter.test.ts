// Oracle: PEFT's own folders and logits (scripts/fixtures/peft_adapter.py).
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { saveSafetensors } from '../../lib/checkpoint/save.js';
import { loadAdapter, saveAdapter } from '../../lib/lora/adapter.js';
import { foldLora } from '../../lib/lora/fold.js';
import {
  attachLora,
  detachLora,
  loraDropout,
  loraParameters,
  mergeLora,
} from '../../lib/lora/lora.js';
import { everyLinear } from '../../lib/lora/targets.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { add_, to } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { changed, configOf, refusal, tiny } from '../fixtures/changed_adapter.js';
import { distance, test } from '../fixtures/no_leak.js';
import { baseOf, fillFactors, logitsWith, optionsOf, peftCases } from '../fixtures/peft.js';
import { randomLlama } from '../fixtures/random_llama.js';

/** Names and shapes of the tensors in a folder, in order of their names. */
function headerOf(dir: string): string[] {
  using file = new SafetensorsFile(join(dir, 'adapter_model.safetensors'));
  const said = [...file.entries.values()].map((e) => `${e.name} ${e.stored} [${e.shape.join()}]`);
  return said.sort();
}

const sorted = (value: unknown): unknown => (Array.isArray(value) ? [...value].sort() : value);

for (const c of peftCases) {
  test(`when PEFT made an adapter (${c.name}), then it is loaded and computes the same`, (t) => {
    const model = baseOf(c);
    const { settings, verified } = loadAdapter(model, c.dir);
    t.equal(verified, false, 'PEFT leaves no fingerprint');
    t.equal(settings.r, c.options.r);
    const linears = [...everyLinear(model)].filter(([, { lora }]) => lora);
    t.same(Object.fromEntries(linears.map(([path, { lora }]) => [path, lora!.scale])), c.scales);
    t.ok([...loraParameters(model).values()].every((p) => !p.requiresGrad));
    const gap = distance(logitsWith(model, c), c.logits);
    t.ok(gap < 1e-5, `logits differ by ${gap} of their size`);
    mergeLora(model);
    detachLora(model);
    t.ok(distance(logitsWith(model, c), c.logits) < 1e-5, 'merged too');
    model.dispose();
  });

  test(`when options are PEFT's (${c.name}), then the folder has PEFT's keys and values`, (t) => {
    const model = baseOf(c);
    const dir = join(t.testdir({}), 'adapter');
    attachLora(model, optionsOf(c));
    fillFactors(model, 3);
    const logits = logitsWith(model, c);
    saveAdapter(model, dir, { base: null });
    t.same(readdirSync(dir).sort(), [
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    t.same(headerOf(dir), headerOf(c.dir));
    const [ours, theirs] = [configOf(dir), configOf(c.dir)];
    t.same(Object.keys(ours), Object.keys(theirs), 'keys, and their order');
    // PEFT keeps one name of a list as it was given.
    if (typeof theirs['layers_pattern'] === 'string') {
      theirs['layers_pattern'] = [theirs['layers_pattern']];
    }
    for (const [key, value] of Object.entries(theirs))
      t.same(sorted(ours[key]), sorted(value), key);

    const again = baseOf(c);
    const loaded = loadAdapter(again, dir, { trainable: true });
    t.equal(loaded.verified, true);
    t.same(logitsWith(again, c), logits, 'bit for bit');
    t.equal(loraDropout(again)?.p, c.options.lora_dropout);
    t.ok([...loraParameters(again).values()].every((p) => p.requiresGrad));
    model.dispose();
    again.dispose();
  });
}

test('when the base has other weights, other heads or other sizes, then the pairing is refused', (t) => {
  const model = randomLlama();
  const dir = join(t.testdir({}), 'adapter');
  attachLora(model, { r: 2, alpha: 4, seed: 1 });
  saveAdapter(model, dir, { base: 'the/base' });
  t.equal(configOf(dir)['base_model_name_or_path'], 'the/base');
  t.match(readFileSync(join(dir, 'README.md'), 'utf8'), /base_model: "the\/base"[^]*"the\/base"/);
  for (const [what, other] of [
    ['weights', randomLlama({ seed: 2 })],
    ['sizes', randomLlama({ channels: 8 })],
    ['layers', randomLlama({ layers: 1 })],
  ] as const) {
    const { code, hint } = refusal(t, other, dir);
    t.equal(code, 'ADAPTER_MISMATCH', what);
    t.match(hint, 'the/base');
    other.dispose();
  }
  fillFactors(model, 1);
  mergeLora(model);
  detachLora(model);
  t.equal(refusal(t, model, dir).code, 'ADAPTER_MISMATCH', 'merged');
  model.dispose();
});

test('when the folder is none of an adapter, then the error says what is missing', (t) => {
  const model = baseOf(tiny);
  const dir = t.testdir({
    none: {},
    broken: { 'adapter_config.json': '{' },
    list: { 'adapter_config.json': '[]' },
    untyped: { 'adapter_config.json': '{"r": 2, "target_modules": ["q_proj"]}' },
    odd: { 'adapter_config.json': '{"peft_type": "LORA", "r": "2", "target_modules": ["q_proj"]}' },
    zero: { 'adapter_config.json': '{"peft_type": "LORA", "r": 0, "target_modules": ["q_proj"]}' },
    bare: { 'adapter_config.json': '{"peft_type": "LORA", "target_modules": ["q_proj"]}' },
    pickled: {
      'adapter_config.json': '{"peft_type": "LORA", "target_modules": ["q_proj"]}',
      'adapter_model.bin': '',
    },
  });
  for (const [name, code, said] of [
    ['none', 'ADAPTER_INVALID', 'there is no adapter_config.json'],
    ['broken', 'ADAPTER_INVALID', 'JSON'],
    ['list', 'ADAPTER_INVALID', 'object'],
    ['untyped', 'ADAPTER_INVALID', 'peft_type'],
    ['odd', 'ADAPTER_INVALID', 'r: '],
    ['zero', 'ADAPTER_INVALID', 'r is 0'],
    ['bare', 'ADAPTER_INVALID', 'there is no adapter_model.safetensors'],
    ['pickled', 'ADAPTER_UNSUPPORTED', 'pickled'],
  ] as const) {
    const error = refusal(t, model, join(dir, name));
    t.equal(error.code, code, name);
    t.match(error.message, said);
  }
  model.dispose();
});

test('when factors are stored narrower, then they are read as float32', (t) => {
  const model = baseOf(tiny);
  const dir = changed(t, {});
  scoped(() => {
    const path = join(dir, 'adapter_model.safetensors');
    using file = new SafetensorsFile(path);
    const half = [...file.entries.keys()].map(
      (name) => [name, to(file.tensor(name), 'cpu', 'bfloat16')] as const,
    );
    saveSafetensors(path, half);
  });
  loadAdapter(model, dir);
  t.ok([...loraParameters(model).values()].every((p) => p.dtype === 'float32'));
  t.ok(distance(logitsWith(model, tiny), tiny.logits) < 0.02);
  model.dispose();
});

test('when the folder is there, then an adapter is replaced and anything else is not', (t) => {
  const model = randomLlama();
  const dir = t.testdir({ other: { 'adapter_config.json': '{}', 'notes.txt': 'mine' }, file: '' });
  const save = (name: string): void => saveAdapter(model, join(dir, name), { base: null });
  t.throws(() => save('first'), { code: 'CONFIG_INVALID' }, 'nothing to save');
  attachLora(model, { r: 2, alpha: 4, seed: 1 });
  mkdirSync(join(dir, 'empty'));
  save('empty');
  attachLora(model, { r: 3, alpha: 4, seed: 1 });
  save('empty');
  t.equal(configOf(join(dir, 'empty'))['r'], 3);
  t.throws(() => save('other'), { code: 'OUTPUT_OCCUPIED', facts: { others: ['notes.txt'] } });
  t.throws(() => save('file'), { code: 'OUTPUT_OCCUPIED' });
  t.throws(() => save('file/adapter'), { code: 'OUTPUT_FAILED' });
  t.same(readdirSync(dir).sort(), ['empty', 'file', 'other'], 'nothing is left beside');
  const folded = foldLora(model);
  t.throws(() => save('folded'), { code: 'CONFIG_INVALID' });
  t.notOk(existsSync(join(dir, 'folded')));
  folded.unfold();
  save('folded');
  model.dispose();
});

test('when an adapter is loaded over LoRA that was there, then no factor is left behind', (t) => {
  const model = baseOf(tiny);
  attachLora(model, { r: 2, alpha: 4, seed: 1 });
  fillFactors(model, 1);
  loadAdapter(model, tiny.dir);
  t.ok(distance(logitsWith(model, tiny), tiny.logits) < 1e-5);
  // The file's own pages are not what trains.
  noGrad(() =>
    scoped(() => {
      for (const p of loraParameters(model).values()) add_(p, floatTensor([1], [1]));
    }),
  );
  loadAdapter(model, tiny.dir);
  t.ok(distance(logitsWith(model, tiny), tiny.logits) < 1e-5);
  model.dispose();
});

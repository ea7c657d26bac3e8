import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkpointWeights, loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { saveSafetensors } from '../../lib/checkpoint/save.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor, longTensor, tensorFrom } from '../../lib/tensor/tensor.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { randomLlama } from '../fixtures/random_llama.js';

t.test('when a folder is loaded, then the model computes what was saved', (t) => {
  for (const options of [{}, { tied: false, biases: true }, { heads: 4, kvHeads: 4 }]) {
    const before = tensorCount();
    const dir = writeModelFolder(t.testdir({}), options);
    const model = randomLlama(options);
    const loaded = loadModel(dir);
    const tokens = longTensor([3, 1, 4, 1, 5], [1, 5]);
    const logits = (m: typeof model): number[] =>
      noGrad(() => scoped(() => m.forward(tokens).toArray()));
    t.same(logits(loaded), logits(model));
    for (const owner of [tokens, model, loaded]) owner.dispose();
    t.equal(tensorCount(), before, 'no tensor is left');
  }
  t.end();
});

t.test('when weights are stored in half types, then they are widened exactly', (t) => {
  const dir = t.testdir({});
  using values = floatTensor([1, -0.5, 3], [3]);
  saveSafetensors(join(dir, 'model.safetensors'), [['x', values]], { dtype: 'bfloat16' });
  const { weights, close } = checkpointWeights(dir);
  using x = weights('x', [3]);
  close();
  t.equal(x.dtype, 'float32');
  t.same(x.toArray(), [1, -0.5, 3]);
  t.end();
});

for (const dtype of ['int8', 'uint8', 'float8_e4m3fn', 'float4_e2m1fn_x2'] as const) {
  t.test(`when weights are ${dtype}, then they are refused by name`, (t) => {
    const dir = writeModelFolder(t.testdir({}));
    const model = randomLlama();
    const bytes = dtype === 'float4_e2m1fn_x2' ? [16, 8] : [16, 16];
    using odd = tensorFrom(new Uint8Array(bytes[0]! * bytes[1]!), dtype, bytes);
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const tensors = new Map(model.parameters()).set(name, odd);
    saveSafetensors(join(dir, 'model.safetensors'), tensors);
    t.throws(() => loadModel(dir), { code: 'CHECKPOINT_UNSUPPORTED', message: /q_proj/ });
    model.dispose();
    t.end();
  });
}

t.test('when a file holds the model without its head, then names lack their first level', (t) => {
  const dir = writeModelFolder(t.testdir({}));
  const model = randomLlama();
  const bare = [...model.parameters()].map(([name, x]) => [name.replace('model.', ''), x] as const);
  saveSafetensors(join(dir, 'model.safetensors'), bare);
  const loaded = loadModel(dir);
  const values = (m: typeof model): unknown[] => [...m.parameters()].map(([, x]) => x.toArray());
  t.same(values(loaded), values(model));
  for (const owner of [model, loaded]) owner.dispose();
  t.end();
});

t.test('when weights lie in shards, then all are found', (t) => {
  const dir = writeModelFolder(t.testdir({}), { tied: false });
  const model = randomLlama({ tied: false });
  rmSync(join(dir, 'model.safetensors'));
  saveSafetensors(join(dir, 'model.safetensors'), model.parameters(), { maxShardBytes: 4000 });
  const loaded = loadModel(dir);
  t.same(
    [...loaded.parameters()].map(([name, p]) => [name, p.toArray()]),
    [...model.parameters()].map(([name, p]) => [name, p.toArray()]),
  );
  loaded.dispose();
  model.dispose();
  t.end();
});

/** Breaks a good folder by `damage` and expects one typed error with a next step. */
function refuses(
  what: string,
  code: string,
  damage: (dir: string) => void,
  { config = {}, message = /./ }: { config?: Record<string, unknown>; message?: RegExp } = {},
): void {
  t.test(`when ${what}, then ${code} says what to do`, (t) => {
    const dir = writeModelFolder(join(t.testdir({}), 'model'), {}, config);
    damage(dir);
    t.throws(() => loadModel(dir), { code, message, hint: String });
    t.end();
  });
}

const nothing = (): void => undefined;
const weightsWith = (change: (name: string) => string | null) => (dir: string) => {
  const model = randomLlama();
  const kept = [...model.parameters()].flatMap(([name, tensor]) => {
    const as = change(name);
    return as === null ? [] : [[as, tensor] as const];
  });
  saveSafetensors(join(dir, 'model.safetensors'), kept);
  model.dispose();
};

refuses('there is no folder', 'CHECKPOINT_NOT_FOUND', (dir) => rmSync(dir, { recursive: true }), {
  message: /does not exist/,
});
refuses('there is no config.json', 'CHECKPOINT_NOT_FOUND', (dir) =>
  rmSync(join(dir, 'config.json')),
);
refuses('there are no weights', 'CHECKPOINT_NOT_FOUND', (dir) =>
  rmSync(join(dir, 'model.safetensors')),
);
for (const text of ['', '{"model_type": ', '[]', 'null', '7']) {
  refuses(`config.json is '${text}'`, 'CHECKPOINT_INVALID', (dir) => {
    writeFileSync(join(dir, 'config.json'), text);
  });
}
refuses('model_type is another', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { model_type: 'mistrall' },
  message: /mistrall/,
});
refuses('model_type is absent', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { model_type: undefined },
});
refuses('a size is no number', 'CHECKPOINT_INVALID', nothing, {
  config: { hidden_size: '16' },
  message: /hidden_size/,
});
refuses('a size is absent', 'CHECKPOINT_INVALID', nothing, {
  config: { num_hidden_layers: undefined },
  message: /num_hidden_layers/,
});
refuses('heads are no multiple of kv heads', 'CHECKPOINT_INVALID', nothing, {
  config: { num_key_value_heads: 3 },
});
refuses('RoPE is scaled', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { rope_scaling: { rope_type: 'dynamic', factor: 8 } },
  message: /dynamic/,
});
refuses('the activation is another', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { hidden_act: 'mish' },
});
refuses(
  'a tensor is missing',
  'TENSOR_MISSING',
  weightsWith((name) => (name === 'model.layers.1.mlp.up_proj.weight' ? null : name)),
  { message: /layers\.1\.mlp\.up_proj\.weight/ },
);
refuses(
  'tensors have other names',
  'TENSOR_MISSING',
  weightsWith((name) => `other.${name}`),
);
refuses('config.json asks for other sizes', 'TENSOR_MISSHAPEN', nothing, {
  config: { intermediate_size: 13 },
  message: /\[12, 16\].*\[13, 16\]/,
});
refuses(
  'there are tensors without a place',
  'CHECKPOINT_INVALID',
  (dir) => {
    const model = randomLlama();
    const more = new Map(model.parameters());
    for (const layer of [2, 3, 4, 5]) {
      more.set(`model.layers.${layer}.mlp.up_proj.weight`, more.get('model.norm.weight')!);
    }
    saveSafetensors(join(dir, 'model.safetensors'), more);
    model.dispose();
  },
  { message: /tensors 'model.layers.2.mlp.up_proj.weight', .* and 1 more, which/ },
);
refuses('the weights are quantised', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { quantization_config: { quant_method: 'gptq', bits: 4 } },
  message: /quantised \(gptq\)/,
});
refuses('the model is Python code', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { model_type: 'mine', auto_map: { AutoModelForCausalLM: 'modeling_mine.Mine' } },
  message: /auto_map/,
});
refuses('the model sees pictures, too', 'CHECKPOINT_UNSUPPORTED', nothing, {
  config: { model_type: 'llava', text_config: {} },
  message: /more than text/,
});
refuses('the head is untied and absent', 'TENSOR_MISSING', nothing, {
  config: { tie_word_embeddings: false },
  message: /lm_head/,
});
refuses('the weights are cut short', 'SAFETENSORS_INVALID', (dir) => {
  const path = join(dir, 'model.safetensors');
  writeFileSync(path, readFileSync(path).subarray(0, -100));
});
refuses(
  'the weights are a pickle',
  'CHECKPOINT_UNSUPPORTED',
  (dir) => {
    renameSync(join(dir, 'model.safetensors'), join(dir, 'pytorch_model.bin'));
  },
  { message: /pickle/ },
);

const shard = (dir: string, map: unknown): void => {
  writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify(map));
};
refuses('the index is no JSON', 'CHECKPOINT_INVALID', (dir) => {
  writeFileSync(join(dir, 'model.safetensors.index.json'), '{"weight_map"');
});
refuses('the index has no weight_map', 'CHECKPOINT_INVALID', (dir) => shard(dir, { metadata: {} }));
refuses('the index is null', 'CHECKPOINT_INVALID', (dir) => shard(dir, null));
refuses(
  'the index names a missing shard',
  'CHECKPOINT_INVALID',
  (dir) => {
    shard(dir, { weight_map: { a: 'model.safetensors', b: 'model-00002-of-00002.safetensors' } });
  },
  { message: /model-00002/ },
);
refuses(
  'two shards hold the same tensor',
  'CHECKPOINT_INVALID',
  (dir) => {
    copyFileSync(join(dir, 'model.safetensors'), join(dir, 'again.safetensors'));
    shard(dir, { weight_map: { a: 'model.safetensors', b: 'again.safetensors' } });
  },
  { message: /two weight files/ },
);

t.test(
  'when a tied head or a buffer of old versions is stored, too, then it does not matter',
  (t) => {
    const dir = writeModelFolder(t.testdir({}));
    const model = randomLlama();
    const tensors = new Map(model.parameters());
    tensors.set('lm_head.weight', tensors.get('model.embed_tokens.weight')!);
    tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', tensors.get('model.norm.weight')!);
    saveSafetensors(join(dir, 'model.safetensors'), tensors);
    loadModel(dir).dispose();
    model.dispose();
    t.end();
  },
);

t.test('when config.json has keys that we do not know, then they are kept', (t) => {
  const dir = writeModelFolder(t.testdir({}), {}, { something_new: { a: [1] } });
  t.same(readConfig(dir)['something_new'], { a: [1] });
  t.end();
});

t.test('when a folder is refused half-way, then the tensors already taken are freed', (t) => {
  const missing = writeModelFolder(t.testdir({}), {}, { num_hidden_layers: 3 });
  const before = tensorCount();
  t.throws(() => loadModel(missing), { code: 'TENSOR_MISSING' });
  t.equal(tensorCount(), before);
  const misshapen = writeModelFolder(t.testdir({}), {}, { intermediate_size: 13 });
  t.throws(() => loadModel(misshapen), { code: 'TENSOR_MISSHAPEN' });
  t.equal(tensorCount(), before);
  t.end();
});

import { baseFingerprint } from '../../lib/lora/fingerprint.js';
import { attachLora } from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { architectureOf } from '../../lib/models/index.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { copy_, indexFill_, indexSelect, to } from '../../lib/tensor/ops.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';
import {
  type LlamaOptions,
  randomConfig,
  randomLlama,
  randomWeights,
} from '../fixtures/random_llama.js';

function of(options: LlamaOptions, change: (model: Model) => void = () => undefined): string {
  const model = randomLlama(options);
  noGrad(() => scoped(() => change(model)));
  const found = baseFingerprint(model);
  model.dispose();
  return found;
}

const parameter = (model: Model, name: string): Tensor => new Map(model.parameters()).get(name)!;
const up = 'model.layers.1.mlp.up_proj.weight';

test('when the base is the same, then so is its fingerprint, with LoRA or without', (t) => {
  const plain = of({});
  t.match(plain, /^[0-9a-f]{64}$/);
  t.equal(of({}), plain);
  t.equal(
    of({}, (model) => attachLora(model, { r: 2, alpha: 4, seed: 1 })),
    plain,
  );
});

test('when anything of the base differs, then its fingerprint does', (t) => {
  const others = [
    of({}),
    of({ seed: 2 }),
    of({ layers: 1 }),
    of({ channels: 8 }),
    of({ tied: false }),
    of({ biases: true }),
    of({ heads: 8, kvHeads: 4, headDim: 2 }), // tensors of the same shapes
    of({}, (model) => void indexFill_(parameter(model, up), 1, longTensor([7], [1]), 0)),
    of({}, (model) => {
      const weight = parameter(model, up);
      const rows = Array.from({ length: 12 }, (_, i) => (i + 1) % 12);
      copy_(weight, indexSelect(weight, 0, longTensor(rows, [12]))); // the same numbers elsewhere
    }),
  ];
  t.equal(new Set(others).size, others.length);
});

test('when one number among many changes, then the fingerprint does, sampled or not', (t) => {
  const wide = { width: 64, heads: 4, headDim: 16, channels: 96, layers: 1 };
  const name = 'model.layers.0.mlp.up_proj.weight'; // 6,144 numbers, of which 256 are samples
  const changedAt = (place: number): string =>
    of(wide, (model) => {
      const weight = parameter(model, name);
      const values = weight.toFloat32();
      values[place] = 1.5;
      copy_(weight, floatTensor(values, weight.shape));
    });
  const found = [0, 1, 4001, 6143].map(changedAt);
  t.equal(new Set([of(wide), ...found]).size, 5);
});

test('when the weights are held wider, then it is the same base', (t) => {
  const config = randomConfig();
  const fingerprintAs = (dtype: 'float32' | 'float64'): string => {
    const float32 = randomWeights(1);
    const model = architectureOf(config).build(config, (name, shape) => {
      using weight = float32(name, shape);
      return keep(to(weight, 'cpu', dtype));
    });
    const found = baseFingerprint(model);
    model.dispose();
    return found;
  };
  t.equal(fingerprintAs('float64'), fingerprintAs('float32'));
});

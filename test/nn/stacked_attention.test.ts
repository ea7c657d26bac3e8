import { Attention } from '../../lib/nn/attention.js';
import { Pass } from '../../lib/nn/pass.js';
import { RotationTable, fixedFrequencies, inverseFrequencies } from '../../lib/nn/rope.js';
import { StackedAttention } from '../../lib/nn/stacked_attention.js';
import { cat, zeros } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers, randomWeights } from '../fixtures/random_llama.js';

test('when rows are [q; k; v], then attention is that of the three apart', (t) => {
  const rotations = new RotationTable(fixedFrequencies(inverseFrequencies(4, 100)));
  const shape = {
    width: 6,
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    bias: true,
    outBias: false,
    layer: 0,
  };
  const apart = new Attention(randomWeights(3), shape, { rotations });
  const given = new Map(apart.parameters());
  const rows = (part: string) =>
    cat(
      ['q', 'k', 'v'].map((name) => given.get(`${name}_proj.${part}`)!),
      0,
    );
  const asked: string[] = [];
  const stacked = new StackedAttention(
    (name) => {
      asked.push(name);
      return given.get(name) ?? rows(name.split('.')[1]!);
    },
    shape,
    { names: ['qkv_proj', 'o_proj'], rotations },
  );
  t.strictSame(asked, ['qkv_proj.weight', 'qkv_proj.bias', 'o_proj.weight']);
  const x = floatTensor(randomNumbers(5, 2 * 5 * 6), [2, 5, 6]);
  const pass = new Pass(zeros([2, 5]), 'float32');
  const [found, expected] = [stacked, apart].map((layer) => layer.forward(x, pass).toArray());
  t.ok(distance(found!, expected!) < 1e-6);
  apart.dispose();
  rotations.dispose();
});

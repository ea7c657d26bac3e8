import t from 'tap';
import { compress } from '../../lib/compress/slice.js';
import { assertZeroUnits, verifyCut } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import type { Model } from '../../lib/models/model.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { indexFill_ } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { handPartition, randomLlama, randomUnits, zeroUnits } from '../fixtures/random_llama.js';

const ctx = createContext();

function poke(model: Model, param: string, dim: number, index: number, value: number): void {
  const tensor = new Map(model.parameters()).get(param);
  if (!tensor) throw new Error(param);
  noGrad(() => scoped(() => void indexFill_(tensor, dim, longTensor([index], [1]), value)));
}

t.test('when a removed unit still speaks, then the cut is refused', (t) => {
  const before = tensorCount();
  const model = randomLlama({ kvHeads: 2 });
  const partition = handPartition(model);
  const removed = randomUnits(partition, 1, 2);
  const compact = compress(model, partition, removed);
  const tokens = longTensor([1, 5, 9, 2, 7, 7], [2, 3]);
  t.throws(() => verifyCut(ctx, model, compact, tokens), {
    code: 'CUT_NOT_EQUAL',
    hint: String,
    facts: { maxAbsDifference: Number, logitScale: Number, tolerance: Number },
  });
  for (const owner of [model, compact, tokens]) owner.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a logit is no number, then the cut is refused', (t) => {
  const model = randomLlama();
  const partition = handPartition(model);
  const compact = compress(model, partition, new Map());
  const tokens = longTensor([1, 5, 9], [1, 3]);
  verifyCut(ctx, model, compact, tokens);
  poke(compact, 'model.norm.weight', 0, 3, NaN);
  t.throws(() => verifyCut(ctx, model, compact, tokens), { code: 'CUT_NOT_EQUAL' });
  t.end();
});

t.test('when the user asks to stop, then verifying stops', (t) => {
  const model = randomLlama();
  const tokens = longTensor([1, 5, 9], [1, 3]);
  const stopped = createContext({ aborted: () => true });
  t.throws(() => verifyCut(stopped, model, model, tokens), { code: 'RUN_ABORTED' });
  t.end();
});

const unitPlaces: [param: string, dim: number, index: number][] = [
  ['model.layers.0.self_attn.q_proj.weight', 0, 7],
  ['model.layers.0.self_attn.q_proj.bias', 0, 0],
  ['model.layers.0.self_attn.k_proj.weight', 0, 3],
  ['model.layers.0.self_attn.v_proj.bias', 0, 1],
  ['model.layers.0.self_attn.o_proj.weight', 1, 6],
  ['model.layers.0.self_attn.o_proj.lora_A.weight', 1, 6],
  ['model.layers.0.self_attn.v_proj.lora_B.weight', 0, 2],
  ['model.layers.0.mlp.gate_proj.weight', 0, 4],
  ['model.layers.0.mlp.up_proj.lora_B.weight', 0, 4],
  ['model.layers.0.mlp.down_proj.lora_A.weight', 1, 4],
];

t.test('when any slice of a removed unit is not exactly zero, then it is named', (t) => {
  const model = randomLlama({ heads: 4, kvHeads: 2, headDim: 4, biases: true, rank: 2 });
  const partition = handPartition(model);
  const removed = new Map([
    ['layers.0.self_attn.heads', [0]],
    ['layers.0.mlp.channels', [4]],
  ]);
  zeroUnits(model, partition, removed);
  assertZeroUnits(model, partition, removed);
  const before = tensorCount();
  for (const [param, dim, index] of unitPlaces) {
    for (const value of [1e-30, -5, NaN, Infinity]) {
      poke(model, param, dim, index, value);
      t.throws(
        () => {
          assertZeroUnits(model, partition, removed);
        },
        { code: 'CUT_NOT_EQUAL', facts: { param } },
        `${param} = ${value}`,
      );
    }
    poke(model, param, dim, index, 0);
  }
  // units that stay do not matter
  poke(model, 'model.layers.0.mlp.gate_proj.weight', 0, 5, 1);
  poke(model, 'model.layers.0.self_attn.k_proj.weight', 0, 4, 1);
  assertZeroUnits(model, partition, removed);
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when LoRA was merged and taken off, then its slices are not asked for', (t) => {
  const traced = handPartition(randomLlama({ rank: 2 }));
  const model = randomLlama();
  const removed = randomUnits(traced, 1, 2);
  zeroUnits(model, traced, removed);
  assertZeroUnits(model, traced, removed);
  const compact = compress(model, traced, removed);
  t.equal([...compact.linears().values()].filter(({ lora }) => lora).length, 0);
  t.end();
});

t.test('when the partition is of another model, then it is refused', (t) => {
  const partition = handPartition(randomLlama({ layers: 3 }));
  t.throws(
    () => {
      assertZeroUnits(randomLlama(), partition, new Map([['layers.2.mlp.channels', [0]]]));
    },
    { code: 'PARTITION_INVALID' },
  );
  t.end();
});

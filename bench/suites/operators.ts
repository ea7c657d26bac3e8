// The operators of a block at the default model's sizes against what the machine reaches, beside transformers' own lines.
import { gated } from '../../lib/nn/activation.js';
import { fastLinear } from '../../lib/nn/fast_linear.js';
import { rotate } from '../../lib/nn/rope.js';
import { backward, clearGrads, enableGrad, noGrad } from '../../lib/tensor/autograd.js';
import { causalAttention } from '../../lib/tensor/causal_attention.js';
import { fusedRmsNorm } from '../../lib/tensor/fused.js';
import { attention, clone, reshape, rmsNorm, silu, sumAll } from '../../lib/tensor/ops.js';
import { floatTensorOn } from '../../lib/tensor/placed.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { waiterFor } from '../device.js';
import { logitRow } from '../llama_folder.js';
import { type Case, type Compute, type Memory, type Suite } from '../suite.js';
import { timed } from '../timed.js';

type DType = 'float32' | 'bfloat16';

/** Differences relative to the root mean square; bf16 rounds between the peer's steps. */
const tolerance = { float32: 1e-5, bfloat16: 3e-2 } as const;

/** (i · 7919 + 13) mod 1009, from −½ to ½: the peer's inputs are made by the same formula. */
const inputs = (shape: readonly number[], dtype: DType, device: string): Tensor =>
  scoped(() => {
    const count = shape.reduce((all, n) => all * n, 1);
    const values = Array.from({ length: count }, (_, i) => ((i * 7919 + 13) % 1009) / 1008 - 0.5);
    return floatTensorOn(device, values, shape, dtype);
  });

interface Operator {
  readonly name: string;
  /** Of the inputs, in the order in which `run` and the peer take them. */
  readonly shapes: readonly (readonly number[])[];
  /** Elements read and written; none where products are what counts. */
  readonly moved?: number;
  readonly flops?: number;
  run(device: string, tensors: readonly Tensor[]): Tensor;
}

const [tokens, hidden, intermediate, vocabulary] = [1024, 512, 1376, 8192];
const [batch, heads, length, width] = [4, 8, 256, 64];

const linear = (rows: number): Operator => ({
  name: `linear ${tokens}×${hidden}→${rows}`,
  shapes: [
    [tokens, hidden],
    [rows, hidden],
  ],
  flops: 2 * tokens * hidden * rows,
  run: (device, [x, w]) => fastLinear(x!, w!, null, device === 'cpu'),
});

/** Half of all pairs of tokens; two products, and five more in the gradients. */
const attentionFlops = (products: number): number =>
  products * 2 * batch * heads * ((length * (length + 1)) / 2) * width;

const attentionShapes = [heads, heads / 2, heads / 2].map((n) => [batch, n, length, width]);

const attend = (device: string, [q, k, v]: readonly Tensor[]): Tensor =>
  device === 'cpu'
    ? causalAttention(q!, k!, v!, null, width ** -0.5)
    : attention(q!, k!, v!, null, true);

const operators: readonly Operator[] = [
  {
    name: `attention ${batch}×${heads}×${length}×${width}`,
    ...{ shapes: attentionShapes, flops: attentionFlops(2), run: attend },
  },
  {
    name: `attention_gradients ${batch}×${heads}×${length}×${width}`,
    ...{ shapes: attentionShapes, flops: attentionFlops(7) },
    run: (device, given) =>
      enableGrad(() => {
        for (const x of given) x.requiresGrad = true;
        backward(sumAll(attend(device, given)));
        const gradient = clone(given[0]!.grad!);
        clearGrads([...given]);
        return gradient;
      }),
  },
  {
    name: `rms_norm ${tokens}×${hidden}`,
    shapes: [[tokens, hidden], [hidden]],
    moved: 2 * tokens * hidden + hidden,
    run: (device, [x, w]) =>
      device === 'cpu' ? fusedRmsNorm(x!, w!, 1e-6) : rmsNorm(x!, [hidden], w!, 1e-6),
  },
  {
    name: `silu(gate) · up ${tokens}×${intermediate}`,
    shapes: [
      [tokens, intermediate],
      [tokens, intermediate],
    ],
    moved: 3 * tokens * intermediate,
    run: (_, [gate, up]) => gated(silu, gate!, up!),
  },
  {
    name: `rotate ${batch}×${heads}×${length}×${width}`,
    shapes: [
      [batch, heads, length, width],
      [length, width],
      [length, width],
    ],
    moved: 2 * batch * heads * length * width + 2 * length * width,
    run: (_, [x, cos, sin]) => rotate(x!, { cos: cos!, sin: sin!, length }),
  },
  linear(intermediate),
  linear(vocabulary),
];

function operatorCase(operator: Operator, dtype: DType, device: string): Case {
  const { name, shapes, moved, flops, run } = operator;
  const bytes = (moved ?? 0) * (dtype === 'float32' ? 4 : 2);
  const limits: { memory?: Memory; compute?: Compute } = {
    ...(moved === undefined ? {} : { memory: { moved: bytes, footprint: bytes } }),
    ...(flops === undefined ? {} : { compute: { flops, dtype } }),
  };
  return {
    name: `${name}, ${dtype}`,
    ...{ unit: 's', peers: ['eager'], targets: [], tolerance: tolerance[dtype] },
    parameters: { operator: name.split(/[ (]/)[0], shapes, dtype, device },
    ...limits,
    prepare() {
      const tensors = shapes.map((shape) => keep(inputs(shape, dtype, device)));
      const call = (): void => noGrad(() => scoped(() => void run(device, tensors)));
      return {
        measure: timed({ call, wait: waiterFor(device) }),
        check: () =>
          noGrad(() => scoped(() => ({ result: logitRow(reshape(run(device, tensors), [-1])) }))),
        dispose() {
          for (const tensor of tensors) tensor.dispose();
        },
      };
    },
  };
}

export const operatorsSuite: Suite = {
  name: 'operators',
  what: 'the operators of a block against bandwidth and GEMM rate, beside transformers’ own lines',
  quick: true,
  threaded: true,
  cases: ({ device }) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) =>
      operators.map((operator) => operatorCase(operator, dtype, device)),
    ),
};

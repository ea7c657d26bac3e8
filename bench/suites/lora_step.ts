// A LoRA training step on a frozen base, beside transformers with PEFT, eager and compiled.
import { loraParameters } from '../../lib/lora/lora.js';
import { backward, clearGrads } from '../../lib/tensor/autograd.js';
import { scoped } from '../../lib/tensor/scope.js';
import { AdamW } from '../../lib/train/adamw.js';
import { type TokenBatch, nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { allAtOnce, trainOnBatch } from '../../lib/train/train_batch.js';
import { waiterFor } from '../device.js';
import { type LlamaModelShape, llamaConfigOf, tokenIds } from '../llama_folder.js';
import { loraStepFlops } from '../llama_flops.js';
import { randomLlama } from '../random_llama.js';
import { defaultModel, llama7b } from '../sliced_matrices.js';
import {
  type Case,
  type Checks,
  type Suite,
  type Target,
  fasterThan,
  nearGemmRate,
} from '../suite.js';
import { timed } from '../timed.js';

const lora = { r: 8, alpha: 16 };

interface Step {
  readonly name: string;
  readonly shape: LlamaModelShape;
  readonly dtype: 'float32' | 'bfloat16';
  readonly batch: number;
  readonly length: number;
  readonly targets: readonly Target[];
  readonly tolerance: number;
}

function stepCase({ name, shape, dtype, batch, length, ...rest }: Step, device: string): Case {
  const { vocab_size, ...config } = llamaConfigOf(shape, dtype);
  const flops = loraStepFlops(shape, batch, length, lora.r);
  return {
    ...{ name, ...rest, unit: 's', peers: ['eager', 'compiled'], compute: { flops, dtype } },
    parameters: {
      ...{ device, dtype, batch, length, ...lora, config: { ...config, vocab_size } },
      ids: tokenIds(batch * length, shape.vocabulary),
    },
    prepare({ ids }) {
      const model = randomLlama({ shape, dtype, device, ...lora });
      const factors = loraParameters(model);
      const optimizer = new AdamW(factors);
      const tokens: TokenBatch = { ids: Int32Array.from(ids as number[]), batch, length };
      const options = { learningRate: 1e-4, clip: 1, ...allAtOnce };
      const call = (): void => {
        trainOnBatch(model, tokens, (t, pass) => nextTokenLoss(model, t, pass), optimizer, options);
      };
      return {
        measure: timed({ call, wait: waiterFor(device) }),
        check(): Checks {
          const loss = scoped(() => {
            const l = nextTokenLoss(model, tokens);
            backward(l);
            return l.item();
          });
          const norms = new Map<string, number[]>();
          for (const [path, factor] of factors) {
            const [linear, kind] = path.split('.').slice(-3) as [string, string];
            const key = `${linear}.${kind}`;
            const norm = scoped(() => Math.hypot(...(factor.grad?.toFloat32() ?? [NaN])));
            norms.set(key, [...(norms.get(key) ?? []), norm]);
          }
          clearGrads([...factors.values()]);
          const rows = [...norms].map(([key, n]) => [key, [Math.hypot(...n), ...n]] as const);
          return { loss: [loss, loss], ...Object.fromEntries(rows) };
        },
        dispose() {
          optimizer.dispose();
          model.dispose();
        },
      };
    },
  };
}

const onCpu: readonly Step[] = [
  {
    ...{ name: 'default model, 4×256, float32', shape: { ...defaultModel, vocabulary: 8192 } },
    ...{ dtype: 'float32', batch: 4, length: 256, tolerance: 1e-4 },
    targets: [fasterThan('eager', 1.7)],
  },
  {
    ...{ name: 'default model, 4×256, bfloat16', shape: { ...defaultModel, vocabulary: 8192 } },
    ...{ dtype: 'bfloat16', batch: 4, length: 256, tolerance: 0.05 },
    targets: [fasterThan('compiled', 1.3)],
  },
];

const onCuda: readonly Step[] = [
  {
    ...{ name: 'LLaMA-7B, 4×2048, bfloat16', shape: { ...llama7b, vocabulary: 32000 } },
    ...{ dtype: 'bfloat16', batch: 4, length: 2048, tolerance: 0.05 },
    targets: [fasterThan('eager', 1.3), nearGemmRate(0.45)],
  },
];

export const loraStepSuite: Suite = {
  name: 'lora_step',
  what: 'a LoRA training step, beside transformers with PEFT, eager and compiled',
  quick: false, // compiling the peer takes a minute
  threaded: true,
  cases: ({ device }) =>
    (device === 'cuda' ? [...onCpu, ...onCuda] : onCpu).map((step) => stepCase(step, device)),
};

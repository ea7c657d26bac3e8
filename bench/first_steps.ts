// Training steps in a program of its own, which prints its largest memory in MiB: node first_steps.js DTYPE DEVICE STEPS
import { loraParameters } from '../lib/lora/lora.js';
import { AdamW } from '../lib/train/adamw.js';
import { nextTokenLoss } from '../lib/train/language_model_loss.js';
import { allAtOnce, trainOnBatch } from '../lib/train/train_batch.js';
import type { DType } from '../lib/tensor/dtype.js';
import { tokenIds } from './llama_folder.js';
import { randomLlama } from './random_llama.js';
import { defaultModel } from './sliced_matrices.js';

const [dtype, device, steps] = process.argv.slice(2) as [DType, string, string];
const shape = { ...defaultModel, vocabulary: 8192 };
const [batch, length] = [4, 256];
const model = randomLlama({ shape, dtype, device, r: 8, alpha: 16 });
const optimizer = new AdamW(loraParameters(model));
const ids = Int32Array.from(tokenIds(batch * length, shape.vocabulary));
const options = { learningRate: 1e-4, clip: 1, ...allAtOnce };
for (let step = 0; step < Number(steps); step++) {
  const loss = nextTokenLoss;
  trainOnBatch(
    model,
    { ids, batch, length },
    (t, pass) => loss(model, t, pass),
    optimizer,
    options,
  );
}
process.stdout.write(String(process.resourceUsage().maxRSS / 1024));

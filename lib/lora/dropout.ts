// Dropout before A, drawn from a stream of its own so that a run can be repeated and resumed bit for bit.
import { bernoulli_, empty, mul, scale_ } from '../tensor/ops.js';
import { type RandomStream, randomStream } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';

/** One for a model: all its linears draw from it, in the order in which they run. */
export class LoraDropout {
  /** Off unless somebody trains: evaluation sees no dropout. */
  training = false;
  /** Save and restore its state with the rest of a run; give it to Checkpoints, whose parts run twice. */
  readonly stream: RandomStream;

  /** @param p probability of zero, 0 ≤ p < 1 */
  constructor(
    readonly p: number,
    seed: number,
    device: string,
  ) {
    this.stream = randomStream(seed, device);
  }

  /** x in evaluation; in training x·m / (1 − p) with m ~ Bernoulli(1 − p), as torch.nn.Dropout */
  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    const kept = 1 - this.p;
    const mask = bernoulli_(empty(x.shape, x.dtype, x.device), kept, this.stream.id);
    return mul(x, scale_(mask, 1 / kept));
  }
}

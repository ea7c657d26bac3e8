// Mixture of experts: each token goes to the k feed-forwards that a router gives the most weight.
import { LoraShearError } from '../errors.js';
import {
  add,
  cat,
  div,
  indexSelect,
  linear,
  logicalNot,
  maskedFill,
  mul,
  reshape,
  scatter,
  select,
  softmax,
  split,
  sum,
  to,
  topk,
  unsqueeze,
  zerosLike,
} from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Activation } from './activation.js';
import { GatedMlp } from './gated_mlp.js';
import { Module } from './module.js';
import { type WeightSource, below } from './weight_source.js';

export interface MoeShape {
  readonly width: number; // C
  readonly experts: number; // E
  readonly channels: number; // F of each expert
  /** Experts that each token goes to, k. */
  readonly perToken: number;
  /** The weights of the k experts are made to sum to one. */
  readonly normalise: boolean;
  readonly activation?: Activation; // default SiLU
  /** Stored names of an expert's projections. */
  readonly names?: readonly [gate: string, up: string, down: string];
}

/** Which experts each of N tokens goes to, and with what weights. */
interface Routing {
  readonly scores: Tensor; // (N, E) softmax over all experts, float32
  readonly weights: Tensor; // (N, k) float32
  readonly indices: Tensor; // (N, k) int64
}

/** The router is stored as `gate.weight` and takes no LoRA; experts are `experts.0…`. */
export class Moe extends Module {
  readonly router: Tensor; // (E, C)
  readonly experts: readonly GatedMlp[];
  /** 0/1 per expert: a closed one has a logit of −∞, as if it were not there. Not owned; k at least must be open. */
  open: Tensor | null = null;
  /** Every expert on every token, those not chosen with weight 0. Tracing needs it: there values are unknown. */
  dense: boolean;

  constructor(
    weights: WeightSource,
    readonly shape: MoeShape,
  ) {
    super();
    const { width, experts, channels, perToken, activation, names } = shape;
    if (perToken > experts) {
      throw new LoraShearError(
        'CHECKPOINT_INVALID',
        `config.json: each token goes to ${perToken} of ${experts} experts`,
        { hint: 'check num_experts_per_tok against the number of experts' },
      );
    }
    this.router = this.own('gate.weight', weights('gate.weight', [experts, width]));
    this.experts = Array.from({ length: experts }, (_, e) =>
      this.child(
        `experts.${e}`,
        new GatedMlp(below(weights, `experts.${e}`), {
          ...{ width, channels },
          ...(activation ? { activation } : {}),
          ...(names ? { names } : {}),
        }),
      ),
    );
    this.dense = this.router.device === 'meta';
  }

  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor {
    const rows = reshape(x, [-1, this.shape.width]); // (N, C)
    const routing = this.in('gate', () => this.#route(rows));
    const y = this.dense ? this.#dense(rows, routing) : this.#sparse(rows, routing);
    return reshape(y, x.shape);
  }

  #route(x: Tensor): Routing {
    const { perToken, normalise } = this.shape;
    const logits = to(linear(x, this.router), x.device, 'float32'); // (N, E)
    const seen = this.open ? maskedFill(logits, logicalNot(this.open), -Infinity) : logits;
    const scores = softmax(seen, -1);
    const [values, indices] = topk(scores, perToken, -1);
    const weights = normalise ? div(values, sum(values, [-1], true)) : values;
    return { scores, weights, indices };
  }

  #expert(e: number, x: Tensor): Tensor {
    return this.in(`experts.${e}`, () => (this.experts[e] as GatedMlp).forward(x));
  }

  #dense(x: Tensor, { scores, weights, indices }: Routing): Tensor {
    const shares = to(scatter(zerosLike(scores), -1, indices, weights), x.device, x.dtype); // (N, E)
    return this.experts
      .map((_, e) => mul(this.#expert(e, x), unsqueeze(select(shares, -1, e), -1)))
      .reduce((total, y) => add(total, y));
  }

  /** Reads the choice back, runs each expert on its tokens together, and puts the results at their tokens again. */
  #sparse(x: Tensor, { weights, indices }: Routing): Tensor {
    const { perToken, width } = this.shape;
    const places = this.experts.map((): number[] => []); // of each expert in the list of N·k choices
    indices.toArray().forEach((e, place) => places[e]?.push(place));
    const order = places.flat();
    const back = new Array<number>(order.length);
    order.forEach((place, i) => (back[place] = i));

    const tokens = order.map((place) => Math.floor(place / perToken));
    const used = places.flatMap((own, e) => (own.length > 0 ? [e] : []));
    const sizes = used.map((e) => places[e]?.length ?? 0);
    const parts = split(indexSelect(x, 0, longTensorOn(x.device, tokens)), sizes, 0);
    const made = parts.map((part, i) => this.#expert(used[i] as number, part));
    const sorted = indexSelect(cat(made, 0), 0, longTensorOn(x.device, back)); // (N·k, C)
    const shares = unsqueeze(to(weights, x.device, x.dtype), -1); // (N, k, 1)
    return sum(mul(reshape(sorted, [-1, perToken, width]), shares), [1]);
  }
}

// LLaMA 1/2 with grouped-query attention and tied or untied embeddings, as its paper draws it.
import { Attention } from '../nn/attention.js';
import { Embedding } from '../nn/embedding.js';
import { GatedMlp } from '../nn/gated_mlp.js';
import { Linear } from '../nn/linear.js';
import { Module } from '../nn/module.js';
import { RmsNorm } from '../nn/rms_norm.js';
import { RotationTable, inverseFrequencies } from '../nn/rope.js';
import { type WeightSource, below } from '../nn/weight_source.js';
import { add, linear } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type LlamaConfig, llamaConfig } from './llama_config.js';
import type { Architecture, CutWidths, Model, RawConfig } from './model.js';

class LlamaBlock extends Module {
  readonly inputNorm: RmsNorm;
  readonly attention: Attention;
  readonly postNorm: RmsNorm;
  readonly mlp: GatedMlp;

  constructor(weights: WeightSource, c: LlamaConfig, rotations: RotationTable) {
    super();
    const { width, heads, kvHeads, headDim, channels, eps } = c;
    const norm = (name: string): RmsNorm =>
      this.child(name, new RmsNorm(below(weights, name), width, eps));
    this.inputNorm = norm('input_layernorm');
    this.attention = this.child(
      'self_attn',
      new Attention(
        below(weights, 'self_attn'),
        { width, heads, kvHeads, headDim, bias: c.attentionBias },
        rotations,
      ),
    );
    this.postNorm = norm('post_attention_layernorm');
    this.mlp = this.child('mlp', new GatedMlp(below(weights, 'mlp'), width, channels, c.mlpBias));
  }

  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor): Tensor {
    return scoped(() => {
      const h = this.in('input_layernorm', () => this.inputNorm.forward(x));
      x = add(
        x,
        this.in('self_attn', () => this.attention.forward(h)),
      );
      const g = this.in('post_attention_layernorm', () => this.postNorm.forward(x));
      return add(
        x,
        this.in('mlp', () => this.mlp.forward(g)),
      );
    });
  }
}

class LlamaStack extends Module {
  readonly tokens: Embedding;
  readonly layers: LlamaBlock[];
  readonly norm: RmsNorm;
  readonly rotations: RotationTable;

  constructor(weights: WeightSource, c: LlamaConfig) {
    super();
    this.rotations = new RotationTable(inverseFrequencies(c.headDim, c.theta));
    this.tokens = this.child(
      'embed_tokens',
      new Embedding(below(weights, 'embed_tokens'), c.vocabulary, c.width),
    );
    this.layers = Array.from({ length: c.layers }, (_, i) =>
      this.child(`layers.${i}`, new LlamaBlock(below(weights, `layers.${i}`), c, this.rotations)),
    );
    this.norm = this.child('norm', new RmsNorm(below(weights, 'norm'), c.width, c.eps));
  }

  /** tokens (B, T) → (B, T, C) */
  forward(tokens: Tensor): Tensor {
    let x = this.in('embed_tokens', () => this.tokens.forward(tokens));
    this.layers.forEach((layer, i) => {
      x = this.in(`layers.${i}`, () => layer.forward(x));
    });
    return this.in('norm', () => this.norm.forward(x));
  }
}

class Llama extends Module implements Model {
  readonly vocabulary: number;
  readonly context: number;
  readonly #stack: LlamaStack;
  readonly #head: Linear | null; // null when tied to the embedding

  constructor(
    readonly config: RawConfig,
    weights: WeightSource,
  ) {
    super();
    const c = llamaConfig(config);
    this.vocabulary = c.vocabulary;
    this.context = c.context;
    this.#stack = this.child('model', new LlamaStack(below(weights, 'model'), c));
    this.#head = c.tied
      ? null
      : this.child('lm_head', new Linear(below(weights, 'lm_head'), c.width, c.vocabulary));
  }

  forward(tokens: Tensor): Tensor {
    return scoped(() => this.head(this.hidden(tokens)));
  }

  hidden(tokens: Tensor): Tensor {
    return scoped(() => this.in('model', () => this.#stack.forward(tokens)));
  }

  head(hidden: Tensor): Tensor {
    return this.in('lm_head', () =>
      this.#head ? this.#head.forward(hidden) : linear(hidden, this.#stack.tokens.weight),
    );
  }

  linears(): Map<string, Linear> {
    const found = new Map<string, Linear>();
    for (const [name, module] of this.#stack.modules('model')) {
      if (module instanceof Linear) found.set(name, module);
    }
    return found;
  }

  override dispose(): void {
    super.dispose();
    this.#stack.rotations.dispose();
  }
}

export const llama: Architecture = {
  matches: (config) => config['model_type'] === 'llama',
  build: (config, weights) => new Llama(config, weights),
  resize(config: RawConfig, { kvHeads, channels }: CutWidths): RawConfig {
    const c = llamaConfig(config);
    return {
      ...config,
      num_attention_heads: (c.heads / c.kvHeads) * kvHeads,
      num_key_value_heads: kvHeads,
      head_dim: c.headDim,
      intermediate_size: channels,
    };
  },
};

// A LLaMA as a symbolic graph, operator for operator what lib/models/llama.ts runs.
import type { Graph } from '../../lib/graph/graph.js';
import { Symbolic } from '../graph/symbolic.js';

export interface LlamaShape {
  readonly layers?: number;
  readonly width?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly channels?: number;
  readonly vocabulary?: number;
  readonly rank?: number; // 0: no LoRA
  readonly tied?: boolean;
  readonly bias?: boolean;
  /** Key and value heads repeated and attention written out, as older code has it. */
  readonly eager?: boolean;
  /** Query, key and value in one matrix, gate and up in another, as Phi-3 has them. */
  readonly fused?: boolean;
}

const [B, T] = [2, 5];

export function symbolicLlama({
  layers = 2,
  width: C = 16,
  heads: H = 4,
  kvHeads: K = 2,
  headDim: D = 6,
  channels: F = 10,
  vocabulary: V = 32,
  rank = 8,
  tied = false,
  bias = false,
  eager = false,
  fused = false,
}: LlamaShape = {}): Graph {
  const s = new Symbolic();
  const cos = s.constant(T, D);
  const sin = s.constant(T, D);

  const linear = (name: string, x: number, out: number): number => {
    const from = s.shape(x).at(-1)!;
    s.module = name;
    const W = s.parameter(`${name}.weight`, out, from);
    const b = bias ? s.parameter(`${name}.bias`, out) : undefined;
    const y = s.linear(x, W, b);
    if (rank === 0) return y;
    const A = s.parameter(`${name}.lora_A.weight`, rank, from);
    const lora = s.linear(s.linear(x, A), s.parameter(`${name}.lora_B.weight`, out, rank));
    return s.add(y, s.unary('mul.Scalar', lora, { other: 2 }));
  };
  const rotate = (x: number): number => {
    const x1 = s.slice(x, 3, 0, D / 2);
    const x2 = s.slice(x, 3, D / 2, D);
    return s.add(s.mul(x, cos), s.mul(s.cat([s.unary('neg', x2), x1], -1), sin));
  };
  const split = (x: number, n: number): number => s.transpose(s.view(x, B, T, n, D), 1, 2);
  const repeat = (x: number): number => {
    if (H === K) return x;
    const one = s.one('unsqueeze', [['self', x]], { dim: 2 }, [B, K, 1, T, D]);
    const many = s.one('expand', [['self', one]], {}, [B, K, H / K, T, D]);
    return s.one('reshape', [['self', many]], {}, [B, H, T, D]);
  };
  const attend = (q: number, k: number, v: number): number => {
    if (!eager) return s.attention(q, k, v);
    const keys = s.transpose(repeat(k), 2, 3);
    const matmul = (a: number, b: number, shape: number[]): number =>
      s.one(
        'matmul',
        [
          ['self', a],
          ['other', b],
        ],
        {},
        shape,
      );
    const scores = s.unary('div.Scalar', matmul(q, keys, [B, H, T, T]), { other: 2.4 });
    const masked = s.add(scores, s.constant(1, 1, T, T));
    return matmul(s.unary('softmax.int', masked, { dim: -1 }), repeat(v), [B, H, T, D]);
  };

  const tokens = s.input(B, T);
  s.module = 'model.embed_tokens';
  const embedding = s.parameter('model.embed_tokens.weight', V, C);
  let x = s.embedding(embedding, tokens);
  const norm = (name: string): number => {
    s.module = name;
    return s.rmsNorm(x, s.parameter(`${name}.weight`, C));
  };
  for (let l = 0; l < layers; l++) {
    const at = `model.layers.${l}`;
    const h = norm(`${at}.input_layernorm`);
    let q: number, k: number, v: number;
    if (fused) {
      const qkv = linear(`${at}.self_attn.qkv_proj`, h, (H + 2 * K) * D);
      q = s.slice(qkv, 2, 0, H * D);
      k = s.slice(qkv, 2, H * D, (H + K) * D);
      v = s.slice(qkv, 2, (H + K) * D, (H + 2 * K) * D);
    } else {
      q = linear(`${at}.self_attn.q_proj`, h, H * D);
      k = linear(`${at}.self_attn.k_proj`, h, K * D);
      v = linear(`${at}.self_attn.v_proj`, h, K * D);
    }
    s.module = `${at}.self_attn`;
    const y = attend(rotate(split(q, H)), rotate(split(k, K)), split(v, K));
    const joined = s.one('reshape', [['self', s.transpose(y, 1, 2)]], {}, [B, T, H * D]);
    x = s.add(x, linear(`${at}.self_attn.o_proj`, joined, C));
    const g = norm(`${at}.post_attention_layernorm`);
    let gate: number, up: number;
    if (fused) {
      const both = linear(`${at}.mlp.gate_up_proj`, g, 2 * F);
      [gate, up] = s.call(
        'chunk',
        [['self', both]],
        { chunks: 2, dim: -1 },
        [B, T, F],
        [B, T, F],
      ) as [number, number];
    } else {
      gate = linear(`${at}.mlp.gate_proj`, g, F);
      up = linear(`${at}.mlp.up_proj`, g, F);
    }
    s.module = `${at}.mlp`;
    x = s.add(x, linear(`${at}.mlp.down_proj`, s.mul(s.unary('silu', gate), up), C));
  }
  const final = norm('model.norm');
  s.module = 'lm_head';
  const head = tied ? embedding : s.parameter('lm_head.weight', V, C);
  return s.finish(s.linear(final, head));
}

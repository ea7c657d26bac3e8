// Written by hand: the partition of a two-layer LLaMA, width 16, 4 query and 2 key-value heads of 6, 10 channels,
// 32 tokens, LoRA of rank 8 on all seven linears. A slice reads: parameter, dim of extent, [outer×]inner, role.
import type { NodeGroup, Slice } from '../../lib/groups/group.js';

export interface Written {
  readonly units: number;
  readonly cost: number;
  readonly prunable: boolean;
  readonly slices: readonly string[];
}

export const printSlice = (slice: Slice): string => {
  const { param, dim, extent, offset, outer, inner, role, lora, carrier } = slice;
  const notes = [role, ...(lora === null ? [] : [lora]), ...(carrier ? ['carrier'] : [])];
  return `${param} ${dim} of ${extent}: ${offset}+${outer}×${inner} ${notes.join(' ')}`;
};

export const print = ({ units, cost, prunable, slices }: NodeGroup): Written => ({
  units,
  cost,
  prunable,
  slices: slices.map(printSlice),
});

/** One layer; lines marked `b` exist with biases only. `costs` are without and with biases. */
const layer: Record<
  string,
  { units: number; costs: [number, number]; prunable?: true; slices: string[] }
> = {
  'self_attn.heads': {
    units: 2,
    costs: [576, 600], // 12·16 + 6·16 + 6·16 + 16·12, biases 12 + 6 + 6
    prunable: true,
    slices: [
      'self_attn.q_proj.weight 0 of 24: 0+1×12 producer',
      'b self_attn.q_proj.bias 0 of 24: 0+1×12 producer',
      'self_attn.q_proj.lora_B.weight 0 of 24: 0+1×12 producer B',
      'self_attn.k_proj.weight 0 of 12: 0+1×6 producer',
      'b self_attn.k_proj.bias 0 of 12: 0+1×6 producer',
      'self_attn.k_proj.lora_B.weight 0 of 12: 0+1×6 producer B',
      'self_attn.v_proj.weight 0 of 12: 0+1×6 producer carrier',
      'b self_attn.v_proj.bias 0 of 12: 0+1×6 producer carrier',
      'self_attn.v_proj.lora_B.weight 0 of 12: 0+1×6 producer B carrier',
      'self_attn.o_proj.weight 1 of 24: 0+1×12 consumer',
      'self_attn.o_proj.lora_A.weight 1 of 24: 0+1×12 consumer A',
    ],
  },
  'self_attn.queries_per_head': {
    units: 2,
    costs: [384, 396], // 12·16 + 16·12, bias 12
    slices: [
      'self_attn.q_proj.weight 0 of 24: 0+2×6 producer',
      'b self_attn.q_proj.bias 0 of 24: 0+2×6 producer',
      'self_attn.q_proj.lora_B.weight 0 of 24: 0+2×6 producer B',
      'self_attn.o_proj.weight 1 of 24: 0+2×6 consumer',
      'self_attn.o_proj.lora_A.weight 1 of 24: 0+2×6 consumer A',
    ],
  },
  'self_attn.query_key_width': {
    units: 3, // RoPE: positions i and i + 3 of every head
    costs: [192, 204], // 8·16 + 4·16, biases 8 + 4
    slices: [
      'self_attn.q_proj.weight 0 of 24: 0+8×1 producer',
      'b self_attn.q_proj.bias 0 of 24: 0+8×1 producer',
      'self_attn.q_proj.lora_B.weight 0 of 24: 0+8×1 producer B',
      'self_attn.k_proj.weight 0 of 12: 0+4×1 producer',
      'b self_attn.k_proj.bias 0 of 12: 0+4×1 producer',
      'self_attn.k_proj.lora_B.weight 0 of 12: 0+4×1 producer B',
    ],
  },
  'self_attn.value_width': {
    units: 6,
    costs: [96, 98], // 2·16 + 16·4, bias 2
    slices: [
      'self_attn.v_proj.weight 0 of 12: 0+2×1 producer',
      'b self_attn.v_proj.bias 0 of 12: 0+2×1 producer',
      'self_attn.v_proj.lora_B.weight 0 of 12: 0+2×1 producer B',
      'self_attn.o_proj.weight 1 of 24: 0+4×1 consumer',
      'self_attn.o_proj.lora_A.weight 1 of 24: 0+4×1 consumer A',
    ],
  },
  'mlp.channels': {
    units: 10,
    costs: [48, 50], // 16 + 16 + 16, biases 1 + 1
    prunable: true,
    slices: [
      'mlp.gate_proj.weight 0 of 10: 0+1×1 producer',
      'b mlp.gate_proj.bias 0 of 10: 0+1×1 producer',
      'mlp.gate_proj.lora_B.weight 0 of 10: 0+1×1 producer B',
      'mlp.up_proj.weight 0 of 10: 0+1×1 producer carrier',
      'b mlp.up_proj.bias 0 of 10: 0+1×1 producer carrier',
      'mlp.up_proj.lora_B.weight 0 of 10: 0+1×1 producer B carrier',
      'mlp.down_proj.weight 1 of 10: 0+1×1 consumer',
      'mlp.down_proj.lora_A.weight 1 of 10: 0+1×1 consumer A',
    ],
  },
  'self_attn.q_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'self_attn.q_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'self_attn.q_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
  'self_attn.k_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'self_attn.k_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'self_attn.k_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
  'self_attn.v_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'self_attn.v_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'self_attn.v_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
  'self_attn.o_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'self_attn.o_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'self_attn.o_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
  'mlp.gate_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'mlp.gate_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'mlp.gate_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
  'mlp.up_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'mlp.up_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'mlp.up_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
  'mlp.down_proj.lora_rank': {
    units: 8,
    costs: [0, 0],
    slices: [
      'mlp.down_proj.lora_A.weight 0 of 8: 0+1×1 producer A',
      'mlp.down_proj.lora_B.weight 1 of 8: 0+1×1 consumer B',
    ],
  },
};

/** What one layer adds to the residual width. */
const residual = [
  'input_layernorm.weight 0 of 16: 0+1×1 producer',
  'self_attn.q_proj.weight 1 of 16: 0+1×1 consumer',
  'self_attn.q_proj.lora_A.weight 1 of 16: 0+1×1 consumer A',
  'self_attn.k_proj.weight 1 of 16: 0+1×1 consumer',
  'self_attn.k_proj.lora_A.weight 1 of 16: 0+1×1 consumer A',
  'self_attn.v_proj.weight 1 of 16: 0+1×1 consumer',
  'self_attn.v_proj.lora_A.weight 1 of 16: 0+1×1 consumer A',
  'self_attn.o_proj.weight 0 of 16: 0+1×1 producer',
  'b self_attn.o_proj.bias 0 of 16: 0+1×1 producer',
  'self_attn.o_proj.lora_B.weight 0 of 16: 0+1×1 producer B',
  'post_attention_layernorm.weight 0 of 16: 0+1×1 producer',
  'mlp.gate_proj.weight 1 of 16: 0+1×1 consumer',
  'mlp.gate_proj.lora_A.weight 1 of 16: 0+1×1 consumer A',
  'mlp.up_proj.weight 1 of 16: 0+1×1 consumer',
  'mlp.up_proj.lora_A.weight 1 of 16: 0+1×1 consumer A',
  'mlp.down_proj.weight 0 of 16: 0+1×1 producer',
  'b mlp.down_proj.bias 0 of 16: 0+1×1 producer',
  'mlp.down_proj.lora_B.weight 0 of 16: 0+1×1 producer B',
];

export interface Variant {
  readonly tied: boolean;
  readonly bias: boolean;
}

/** Every group by id. */
export function expectedGroups({ tied, bias }: Variant): Record<string, Written> {
  const present = (lines: readonly string[]): string[] =>
    lines.filter((line) => bias || !line.startsWith('b ')).map((line) => line.replace(/^b /, ''));
  const groups: Record<string, Written> = {
    vocabulary: {
      units: 32,
      cost: tied ? 16 : 32,
      prunable: false,
      slices: [
        'model.embed_tokens.weight 0 of 32: 0+1×1 consumer',
        ...(tied ? [] : ['lm_head.weight 0 of 32: 0+1×1 producer']),
      ],
    },
    residual: {
      units: 16,
      // 32 + 2·(1 + 24 + 12 + 12 + 24 + 1 + 10 + 10 + 10) + 1, biases 2·2, untied 32
      cost: 241 + (bias ? 4 : 0) + (tied ? 0 : 32),
      prunable: false,
      slices: [
        'model.embed_tokens.weight 1 of 16: 0+1×1 producer',
        ...[0, 1].flatMap((l) => present(residual).map((line) => `model.layers.${l}.${line}`)),
        'model.norm.weight 0 of 16: 0+1×1 producer',
        ...(tied ? [] : ['lm_head.weight 1 of 16: 0+1×1 consumer']),
      ],
    },
  };
  for (const l of [0, 1]) {
    for (const [name, { units, costs, prunable = false, slices }] of Object.entries(layer)) {
      groups[`layers.${l}.${name}`] = {
        units,
        cost: costs[bias ? 1 : 0],
        prunable,
        slices: present(slices).map((line) => `model.layers.${l}.${line}`),
      };
    }
  }
  return groups;
}

/** 512 + 2·(2·16 + 24·16 + 2·12·16 + 16·24 + 3·160) + 16, biases 2·(24 + 24 + 16 + 20 + 16), untied 512. */
export const expectedParameters = ({ tied, bias }: Variant): number =>
  3856 + (bias ? 200 : 0) + (tied ? 0 : 512);

// Node groups and minimally removable structures: what is cut together, and what one unit costs (paper §3.1).

/** Where a dimension is read: output dims of an operator are produced, input dims consumed. */
export type SliceRole = 'producer' | 'consumer';

/**
 * The part of one parameter that belongs to a group. Unit u (0 ≤ u < units) holds the indices
 * offset + o·(units·inner) + u·inner + j of dimension `dim`, for 0 ≤ o < outer and 0 ≤ j < inner.
 */
export interface Slice {
  /** Name of the parameter, `model.layers.0.self_attn.q_proj.weight`; of a tied one, its first name. */
  readonly param: string;
  readonly dim: number;
  /** Full size of that dimension. */
  readonly extent: number;
  /** First index; not 0 only inside fused projections of unequal parts. */
  readonly offset: number;
  readonly outer: number;
  readonly inner: number;
  /** producer: rows of W and of LoRA's B, bias. consumer: columns of W and of LoRA's A. */
  readonly role: SliceRole;
  /** The parameter is a factor of a low-rank update W + s·B·A. */
  readonly lora: 'A' | 'B' | null;
  /**
   * Multiplying all carriers of a unit by F multiplies what the unit's consumers read by exactly F:
   * v rows of a head, up rows of a gated MLP, with their biases and LoRA B rows.
   */
  readonly carrier: boolean;
}

/** Decided from the graph (which operators a class touches), never from parameter names. */
export type GroupKind =
  | 'attention_heads'
  | 'mlp_channels'
  | 'residual'
  | 'vocabulary'
  | 'lora_rank'
  | 'head_dim'
  | 'other';

/** A set of dimensions that must be cut with the same indices. */
export interface NodeGroup {
  /** Stable, from module paths: `layers.0.self_attn.heads`, `layers.0.mlp.channels`, `residual`. */
  readonly id: string;
  readonly kind: GroupKind;
  /** Number of the layer, null for what spans layers. */
  readonly layer: number | null;
  /** How many removable structures: key-value heads with their query heads, channels, … */
  readonly units: number;
  readonly slices: readonly Slice[];
  /** Base-model parameters (LoRA not counted) that go with the first unit removed. */
  readonly cost: number;
  readonly prunable: boolean;
  /** Why not. */
  readonly reason?: string;
}

export interface Partition {
  readonly groups: readonly NodeGroup[];
  /** Parameters of the base model: LoRA not counted, tied ones once. */
  readonly parameters: number;
  /** Hash of the groups and of every parameter's shape: artefacts of another model are refused by it. */
  readonly fingerprint: string;
}

/** Which kinds may be cut. */
export interface PartitionPolicy {
  readonly kinds?: readonly GroupKind[];
}

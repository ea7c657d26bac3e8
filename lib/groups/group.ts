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
  /** The slice belongs to this unit alone, which has the indices offset … offset + inner − 1; others have none. */
  readonly only?: number;
}

/** Decided from the graph (which operators a class touches), never from parameter names. */
export type GroupKind =
  | 'attention_heads' // key-value heads with their query heads
  | 'query_heads' // query heads alone, equally many of each key-value head
  | 'mlp_channels'
  | 'experts'
  | 'expert_channels'
  | 'residual' // the width that all layers share
  | 'sublayer' // attention or feed-forward of a layer
  | 'layer'
  | 'vocabulary'
  | 'lora_rank'
  | 'head_dim'
  | 'other';

/** What a job may cut. The vocabulary is not among them: text would need another tokenizer. */
export const cutKinds = [
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'experts',
  'expert_channels',
  'residual',
  'sublayer',
  'layer',
] as const satisfies readonly GroupKind[];
export type CutKind = (typeof cutKinds)[number];

/** All that can be cut, if it is asked for. */
export const cuttableKinds = [...cutKinds, 'vocabulary'] as const satisfies readonly GroupKind[];

/** Kinds whose units consist of whole parameters that are in units of other kinds, too. */
export const composedKinds: ReadonlySet<GroupKind> = new Set(['sublayer', 'layer']);

/** A set of dimensions that must be cut with the same indices. */
export interface NodeGroup {
  /** Stable, from module paths: `layers.0.self_attn.heads`, `layers.0.mlp.channels`, `residual`. */
  readonly id: string;
  readonly kind: GroupKind;
  /** Number of the layer, null for what spans layers. */
  readonly layer: number | null;
  /** How many removable structures: key-value heads with their query heads, channels, … */
  readonly units: number;
  /** How many units must stay at least, where one is not enough: each token goes to so many experts. */
  readonly least?: number;
  /** The units lie in this many blocks of equal size, and every block must lose as many (query heads of a kv head). */
  readonly blocks?: number;
  readonly slices: readonly Slice[];
  /** Base-model parameters (LoRA not counted) that go with the first unit removed. */
  readonly cost: number;
  readonly prunable: boolean;
  /** Why not. */
  readonly reason?: string;
}

/** A norm y = (w + offset)·x/√(mean(x²) + ε) + b, which a cut of what it averages over has to make up for. */
export interface NormUse {
  /** `layer` subtracts the mean of x first. */
  readonly kind: 'rms' | 'layer';
  /** Parameter w; absent in a norm without weights. */
  readonly weight?: string;
  /** Parameter b. */
  readonly bias?: string;
  readonly offset: number;
  /** Groups that its mean runs over. */
  readonly over: readonly string[];
  /** Parameters whose joint scaling scales its input; empty where that is not needed, or not possible. */
  readonly scalers: readonly string[];
}

export interface Partition {
  readonly groups: readonly NodeGroup[];
  /** Norms over dimensions that may be cut, or that share ε with such norms. */
  readonly norms?: readonly NormUse[];
  /** Parameters of the base model: LoRA not counted, tied ones once. */
  readonly parameters: number;
  /** Hash of the groups and of every parameter's shape: artefacts of another model are refused by it. */
  readonly fingerprint: string;
}

/** Which kinds may be cut; default: attention heads, channels, and those of experts. */
export interface PartitionPolicy {
  readonly kinds?: readonly GroupKind[];
}

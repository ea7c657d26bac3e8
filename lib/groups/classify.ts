// What a class of tied dimensions is, and why it may not be cut: decided by what it touches (paper §3.1, algorithm.md §1.4).
import type { Mark } from '../graph/rule.js';
import type { Experts } from './experts.js';
import type { GroupKind, Slice } from './group.js';

/** What is known of a class when its kind is decided. */
export interface ClassFacts {
  readonly marks: ReadonlySet<Mark>;
  readonly slices: readonly Slice[];
  readonly units: number;
  readonly layer: number | null;
  /** Experts of which these are the units, if they are. */
  readonly experts?: Experts | undefined;
  /** All its parameters are those of one expert. */
  readonly inExpert?: boolean;
}

/** The kind of a class. */
export function kindOf({ marks, slices, layer, experts, inExpert }: ClassFacts): GroupKind {
  if (experts) return 'experts';
  const rank = ({ lora, dim }: Slice): boolean =>
    lora === 'A' ? dim === 0 : lora === 'B' && dim === 1;
  if (slices.every(rank)) return 'lora_rank';
  if (marks.has('token_lookup') || marks.has('output')) return 'vocabulary';
  if (marks.has('query_key_width') || marks.has('value_width')) return 'head_dim';
  if (marks.has('head')) return 'attention_heads';
  const normed = marks.has('normalised') || marks.has('root_mean_square');
  // Embeddings narrower than the layers, which a projection widens (OPT 350M), are no residual.
  if (normed && (marks.has('token_vector') || layer === null)) return 'residual';
  if (marks.has('activation')) return inExpert ? 'expert_channels' : 'mlp_channels';
  return 'other';
}

/** Last part of a group's id. */
export function labelOf(kind: GroupKind, marks: ReadonlySet<Mark>): string {
  switch (kind) {
    case 'attention_heads':
      return 'heads';
    case 'query_heads':
      return 'queries_per_head';
    case 'mlp_channels':
    case 'expert_channels':
      return 'channels';
    case 'head_dim':
      return marks.has('query_key_width') ? 'query_key_width' : 'value_width';
    case 'other':
      return 'width';
    default:
      return kind;
  }
}

/** Reasons that hold whatever the weights are; undefined if the class may be cut as far as its shape goes. */
export function structuralReason(kind: GroupKind, facts: ClassFacts): string | undefined {
  const { marks, slices, units, experts } = facts;
  switch (kind) {
    case 'experts':
      return experts && units <= experts.least ? 'each token goes to all of them' : undefined;
    case 'lora_rank':
      return 'rank dimension of LoRA';
    case 'head_dim':
      return marks.has('constant')
        ? 'RoPE pairs positions of a head'
        : 'width of a head: one number for queries, keys and the cache';
    case 'residual':
      if (marks.has('normalised')) return centreFirst;
      break;
    case 'vocabulary':
      return marks.has('position_lookup') ? markReasons.position_lookup : undefined;
  }
  for (const [mark, reason] of Object.entries(markReasons)) {
    if (marks.has(mark as Mark)) return reason;
  }
  if (units < 2) return 'a single unit';
  const base = slices.filter(({ lora }) => lora === null);
  if (!base.some(({ role }) => role === 'producer'))
    return 'no operator of the base model makes it';
  if (!base.some(({ role }) => role === 'consumer'))
    return 'no operator of the base model reads it';
  return undefined;
}

/** Why a kind that could be cut stays when nobody asked for it. */
export function notAsked(kind: GroupKind): string {
  switch (kind) {
    case 'vocabulary':
      return 'touches the output logits; its rows are cut on request only';
    case 'residual':
      return 'the width of all layers, cut on request only';
    case 'query_heads':
      return 'query heads share their key and value; cut on request only, equally many of each';
    default:
      return 'not among the kinds to be cut';
  }
}

const centreFirst =
  'its LayerNorms subtract a mean over it: centre the residual stream first (centreResidual)';

const markReasons: Partial<Record<Mark, string>> = {
  misfit: 'a reshape divides it in a way that whole units do not follow',
  indexed: 'single positions of it are read',
  position_lookup: 'its rows are looked up by position',
  constant: 'it meets a table that has one value per position',
  softmax: 'a softmax runs over it',
  normalised: 'a normalisation averages over it',
};

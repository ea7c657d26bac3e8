// What a dimension rule sees of its operator and what it may say (design §2.3).
import { LoraShearError } from '../errors.js';
import type { Atoms, Dim } from './atoms.js';
import type { Node, Value } from './graph.js';

/** Properties of dimensions that decide what a class is and whether it can be cut. */
export type Mark =
  | 'activation' // passes an elementwise nonlinearity
  | 'constant' // meets a table with one value per index
  | 'head' // batch dimension of attention
  | 'indexed' // single indices are read, or put together
  | 'misfit' // divided in ways that blocks cannot express
  | 'normalised' // a mean runs over it
  | 'output' // dimension of the model's output
  | 'position_lookup' // rows looked up by position
  | 'query_key_width' // contracted between queries and keys
  | 'root_mean_square' // a root mean square runs over it, which a cut can make up for
  | 'softmax' // a softmax runs over it
  | 'token_lookup' // rows looked up by token id
  | 'token_vector' // what a token is looked up to
  | 'value_width'; // per-head width of the values

/** producer: an output dimension of the operator that reads the parameter; consumer: an input dimension. */
export type Role = 'producer' | 'consumer';

/**
 * How an operator's output depends on its inputs, per unit of a dimension that both share:
 * - sum: of all inputs; product: of all inputs, linear in each
 * - linear: in the named input, whatever the others are
 * - quotient: self / other
 * - affine: weight · f(input) + bias, f(0) = 0, with f linear if `exact`
 * - zero: f(0) = 0, no more; none: nothing is known
 */
export type Algebra =
  | { readonly kind: 'sum' | 'product' | 'quotient' | 'zero' | 'none' }
  | { readonly kind: 'linear'; readonly input: string }
  | {
      readonly kind: 'affine';
      readonly input: string;
      readonly weight: string;
      readonly bias: string;
      readonly exact: boolean;
    };

/** What became of the graph's inputs, for reading; and the ties, marks, roles and sinks, for writing. */
export interface RuleContext {
  readonly node: Node;
  readonly atoms: Atoms<Mark>;
  /** Tensor arguments in order. */
  readonly inputs: readonly Operand[];
  /** The first tensor argument of this schema name. */
  input(name: string): Operand;
  optional(name: string): Operand | undefined;
  /** Shapes of the outputs. */
  readonly shapes: readonly (readonly number[])[];
  /** A whole number among the attributes. */
  integer(name: string): number;
  /** Says which side of the operator a parameter's dimension is on. */
  role(operand: Operand, dim: number, role: Role): void;
  /** Says that the operator sums over this dimension of the operand, multiplied by `against` where it contracts. */
  sink(operand: Operand, dim: number, against?: Operand): void;
}

export interface Operand {
  readonly value: Value;
  readonly dims: readonly Dim[];
  /** Made from parameters; all others are given from outside and keep their size when a model is cut. */
  readonly derived: boolean;
}

export interface Rule {
  /** Dimensions of every output. */
  readonly dims: (context: RuleContext) => readonly (readonly Dim[])[];
  readonly algebra: Algebra | ((node: Node) => Algebra);
}

/** `dim` counted from the front. */
export function fromFront(dim: number, rank: number): number {
  return dim < 0 ? dim + rank : dim;
}

/** The dimension `dim` (negative from the end) of an operand. */
export function dimOf({ dims }: Operand, dim: number): Dim {
  const found = dims.at(dim);
  if (!found) throw new LoraShearError('GRAPH_INVALID', `a tensor has no dimension ${dim}`);
  return found;
}

/** `dims` with one replaced. */
export function withDim(dims: readonly Dim[], dim: number, replacement: Dim): Dim[] {
  return dims.with(dim, replacement);
}

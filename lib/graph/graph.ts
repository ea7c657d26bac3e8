// The operator graph of one forward pass: immutable values and the nodes that make them (design §2.2).

/** Index of a value in its graph. */
export type ValueId = number;

/**
 * parameter: registered by a module. input: the tokens. constant: made without parameters or tokens, such
 * as a table of cosines (how is not recorded). intermediate: made by a node.
 */
export type ValueKind = 'parameter' | 'input' | 'constant' | 'intermediate';

export interface Value {
  readonly id: ValueId;
  readonly shape: readonly number[];
  readonly kind: ValueKind;
  /** Parameters only: the first name it is registered under. */
  readonly name?: string;
  /** Parameters only: further names of the same tensor (tied weights). */
  readonly aliases?: readonly string[];
  /** Index of the node that made it, null for all but intermediate ones. */
  readonly producer: number | null;
}

/** One tensor argument: its name in the operator's schema, and the value given. */
export interface ValueRef {
  readonly name: string;
  readonly value: ValueId;
}

export interface Node {
  /** Operator with overload, `aten::add.Tensor`. */
  readonly op: string;
  /** Path of the innermost module that called it. */
  readonly module: string;
  /** Tensor arguments in order; absent optional ones are left out, lists are spread under one name. */
  readonly inputs: readonly ValueRef[];
  /** All other arguments by schema name, defaults filled in. Plain JSON. */
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs: readonly ValueId[];
}

/** What a graph consists of, as stored in `graph.json`. */
export interface GraphData {
  readonly nodes: readonly Node[];
  readonly values: readonly Value[];
  readonly outputs: readonly ValueId[];
}

export interface Graph extends GraphData {
  toJSON(): GraphData;
}

/** A frozen graph of these parts; `verifyGraph` says whether they fit together. */
export function createGraph({ nodes, values, outputs }: GraphData): Graph {
  const data: GraphData = {
    nodes: Object.freeze(nodes.map((node) => Object.freeze(node))),
    values: Object.freeze(values.map((value) => Object.freeze(value))),
    outputs: Object.freeze([...outputs]),
  };
  return Object.freeze({ ...data, toJSON: () => data });
}

/** The values that are parameters, in order of registration. */
export function parametersOf(graph: GraphData): Value[] {
  return graph.values.filter(({ kind }) => kind === 'parameter');
}

/** Number of elements of a value. */
export function elements({ shape }: Value): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

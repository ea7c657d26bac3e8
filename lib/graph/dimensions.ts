// Runs the rules over a graph: every value's dimensions as atoms, tied where the operators tie them (design §2.3).
import { LoraShearError } from '../errors.js';
import { Atoms, type Dim } from './atoms.js';
import type { Graph, Node, ValueId } from './graph.js';
import { type Mark, type Operand, type Role, type RuleContext, fromFront } from './rule.js';
import { ruleOf } from './rules.js';

/** A dimension that an operator sums over: what is read there must be there, or be zero. */
export interface Sink {
  readonly value: ValueId;
  readonly dim: Dim;
  /** What it is multiplied by before it is summed, null for a plain sum. */
  readonly against: ValueId | null;
}

export interface Dimensions {
  readonly atoms: Atoms<Mark>;
  /** Dimensions of every value, by id. */
  readonly of: readonly (readonly Dim[])[];
  /** By value id: made from parameters. */
  readonly derived: readonly boolean[];
  readonly sinks: readonly Sink[];
  /** Side of the operator that a parameter's dimension is on; 'producer' where no operator says otherwise. */
  role(parameter: ValueId, dim: number): Role;
}

/**
 * Ties the dimensions of all values. Time and memory are linear in the number of nodes.
 * @throws GRAPH_RULE_MISSING for an operator that has no rule but reads something made from parameters
 * @throws GRAPH_INVALID when an operator's shapes do not fit its rule
 */
export function dimensionsOf(graph: Graph): Dimensions {
  const atoms = new Atoms<Mark>('misfit');
  const of: (readonly Dim[])[] = [];
  const derived: boolean[] = [];
  const sinks: Sink[] = [];
  const roles = new Map<string, Role>();
  for (const { id, kind, shape, producer } of graph.values) {
    if (producer !== null) continue;
    of[id] = shape.map((extent) => atoms.fresh(extent));
    derived[id] = kind === 'parameter';
  }

  const operand = (value: ValueId): Operand => ({
    value: at(graph.values, value),
    dims: at(of, value),
    derived: derived[value] ?? false,
  });

  /** A parameter may reach its operator transposed or in another dtype. */
  const setRole = ({ value }: Operand, dim: number, role: Role): void => {
    const node = value.producer === null ? undefined : graph.nodes[value.producer];
    const [source] = node?.inputs ?? [];
    const from = node && before(node, dim, value.shape.length);
    if (source && from !== undefined) setRole(operand(source.value), from, role);
    const key = `${value.id}.${dim}`;
    if (value.kind === 'parameter' && !roles.has(key)) roles.set(key, role);
  };

  for (const node of graph.nodes) {
    const inputs = node.inputs.map(({ value }) => operand(value));
    const shapes = node.outputs.map((output) => at(graph.values, output).shape);
    const fromModel = inputs.some((input) => input.derived);
    const dims = fromModel
      ? apply(node, {
          node,
          atoms,
          inputs,
          shapes,
          input: (name) => {
            const index = node.inputs.findIndex((ref) => ref.name === name);
            return at(inputs, index, `${node.op} has no ${name}`);
          },
          optional: (name) => inputs[node.inputs.findIndex((ref) => ref.name === name)],
          integer: (name) => {
            const given = node.attrs[name];
            if (Number.isInteger(given)) return given as number;
            throw invalid(`${node.op} has ${name} = ${String(given)}`, node);
          },
          role: setRole,
          sink: ({ value, dims: ds }, dim, against) => {
            const summed = at(ds, fromFront(dim, ds.length));
            sinks.push({ value: value.id, dim: summed, against: against?.value.id ?? null });
          },
        })
      : shapes.map((shape) => shape.map((extent) => atoms.fresh(extent)));
    node.outputs.forEach((output, i) => {
      of[output] = fitting(atoms, node, at(shapes, i), dims[i]);
      derived[output] = fromModel;
    });
  }
  markOutputs(graph, atoms, of);
  return {
    atoms,
    of,
    derived,
    sinks,
    role: (parameter, dim) => roles.get(`${parameter}.${dim}`) ?? 'producer',
  };
}

function apply(node: Node, context: RuleContext): readonly (readonly Dim[])[] {
  const rule = ruleOf(node.op);
  if (rule) return rule.dims(context);
  throw new LoraShearError(
    'GRAPH_RULE_MISSING',
    `no dimension rule for ${node.op}, called at ${node.module === '' ? 'the top' : node.module}`,
    {
      hint: `add one line for ${node.op} to lib/graph/rules_*.ts: which of its dimensions are the same`,
      facts: { op: node.op, module: node.module },
    },
  );
}

/** The dimension of the input that an operator on one tensor shows as `dim`, if it only renames dimensions. */
function before(node: Node, dim: number, rank: number): number | undefined {
  switch (node.op) {
    case 'aten::t':
      return rank - 1 - dim;
    case 'aten::transpose.int': {
      const a = fromFront(node.attrs['dim0'] as number, rank);
      const b = fromFront(node.attrs['dim1'] as number, rank);
      return dim === a ? b : dim === b ? a : dim;
    }
    case 'aten::contiguous':
    case 'aten::detach':
      return dim;
    default:
      return node.op.startsWith('aten::to.') ? dim : undefined;
  }
}

/** A rule must speak of exactly the dimensions that the operator returned. */
function fitting(
  atoms: Atoms<Mark>,
  node: Node,
  shape: readonly number[],
  dims: readonly Dim[] | undefined,
): readonly Dim[] {
  if (dims?.length === shape.length && dims.every((dim, d) => atoms.extent(dim) === shape[d])) {
    return dims;
  }
  const found = dims?.map((dim) => atoms.extent(dim)).join(', ') ?? 'nothing';
  throw invalid(`${node.op} returned (${shape.join(', ')}) where its rule says (${found})`, node);
}

/** The output's dimensions keep their size; the token ids that come out are those that go in. */
function markOutputs(graph: Graph, atoms: Atoms<Mark>, of: readonly (readonly Dim[])[]): void {
  const looked = graph.nodes.filter(({ op }) => op === 'aten::embedding');
  for (const output of graph.outputs) {
    for (const dim of at(of, output)) atoms.mark(dim, 'output');
    const logits = of[output]?.at(-1);
    for (const { inputs } of looked) {
      const [weight, indices] = inputs.map(({ value }) => at(graph.values, value));
      if (!weight || indices?.kind === 'constant' || !logits) continue;
      if (weight.shape[0] === atoms.extent(logits)) atoms.tie(logits, at(at(of, weight.id), 0));
    }
  }
}

function invalid(message: string, { op, module }: Node): LoraShearError {
  return new LoraShearError('GRAPH_INVALID', `${message}${module === '' ? '' : ` at ${module}`}`, {
    hint: 'the rule of this operator in lib/graph/rules_*.ts does not describe this use of it',
    facts: { op, module },
  });
}

function at<T>(list: readonly T[], index: number, message = 'a value is missing'): T {
  const found = list[index];
  if (found === undefined) throw new LoraShearError('GRAPH_INVALID', message);
  return found;
}

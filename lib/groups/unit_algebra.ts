// What a unit's consumers read, as a function of its weights: zero with them, and linear in some (algorithm.md §1.1).
import type { Dimensions, Sink } from '../graph/dimensions.js';
import type { Graph, Node, ValueId } from '../graph/graph.js';
import { algebraOf } from '../graph/rules.js';

export interface UnitAlgebra {
  /** All that consumers read of a unit is zero when the weights that make the unit are zero. */
  readonly vanishes: boolean;
  /** All that is read of a unit is multiplied by weights of the unit, so that it has no effect when those are zero. */
  readonly readByWeights: boolean;
  /** Parameters whose joint scaling by F scales all that consumers read by exactly F; empty if there are none. */
  readonly carriers: ReadonlySet<ValueId>;
}

/** Follows the class `atom` backwards from `reads`, the values that operators sum over it. */
export function unitAlgebra(
  graph: Graph,
  dimensions: Dimensions,
  atom: number,
  reads: readonly Pick<Sink, 'value' | 'against'>[],
): UnitAlgebra {
  const walk = new Walk(graph, dimensions, new Set([atom]));
  const some = reads.length > 0;
  const readByWeights = some && reads.every(({ against }) => isWeight(graph, against));
  const vanishes = some && reads.every(({ value }) => walk.vanishes(value));
  const none = { vanishes, readByWeights, carriers: new Set<ValueId>() };
  const carriers = new Set<ValueId>();
  for (const { value } of reads) {
    const chosen = walk.carriers(value);
    if (!chosen) return none;
    for (const parameter of chosen) carriers.add(parameter);
  }
  const exact = reads.every(({ value }) => walk.degree(value, carriers) === 1);
  return exact ? { ...none, carriers } : none;
}

const rearranging = new Set(['aten::t', 'aten::transpose.int', 'aten::contiguous', 'aten::detach']);

/** A parameter, perhaps transposed or in another type. */
function isWeight(graph: Graph, value: ValueId | null): boolean {
  if (value === null) return false;
  const { kind, producer } = graph.values[value] ?? {};
  if (kind === 'parameter') return true;
  const node = graph.nodes[producer ?? -1];
  if (!node || !(rearranging.has(node.op) || node.op.startsWith('aten::to.'))) return false;
  return isWeight(graph, node.inputs[0]?.value ?? null);
}

/**
 * Parameters whose joint scaling by F scales all of `value` by exactly F; null where there are none.
 * @param over classes that the value has: what has none of them does not count
 */
export function scalersOf(
  graph: Graph,
  dimensions: Dimensions,
  value: ValueId,
  over: ReadonlySet<number>,
): ReadonlySet<ValueId> | null {
  const walk = new Walk(graph, dimensions, over);
  const scaled = walk.carriers(value);
  return scaled && walk.degree(value, scaled) === 1 ? scaled : null;
}

/** Is `value` zero once every parameter in `zero` is, whatever the others are? */
export function vanishesWithout(
  graph: Graph,
  dimensions: Dimensions,
  value: ValueId,
  zero: ReadonlySet<ValueId>,
): boolean {
  return new Walk(graph, dimensions, null, (parameter) => zero.has(parameter)).vanishes(value);
}

/** Memory of one walk; a value without the class does not vary from unit to unit. */
class Walk {
  readonly #vanishes = new Map<ValueId, boolean>();
  readonly #carriers = new Map<ValueId, ReadonlySet<ValueId> | null>();
  readonly #degree = new Map<ValueId, number | null>();
  readonly #touches = new Map<ValueId, boolean>();

  /**
   * @param over the classes; null for all values
   * @param zero which parameters are zero, where not all that have a class are
   */
  constructor(
    readonly graph: Graph,
    readonly dimensions: Dimensions,
    readonly over: ReadonlySet<number> | null,
    readonly zero: ((parameter: ValueId) => boolean) | null = null,
  ) {}

  #node(value: ValueId): Node | undefined {
    return this.graph.nodes[this.graph.values[value]?.producer ?? -1];
  }

  touches(value: ValueId): boolean {
    const { over } = this;
    if (over === null) return true;
    return remember(this.#touches, value, () => {
      const dims = this.dimensions.of[value] ?? [];
      return dims.some((dim) => {
        for (const leaf of this.dimensions.atoms.leaves(dim)) if (over.has(leaf)) return true;
        return false;
      });
    });
  }

  /** Is this value zero in a unit whose weights are zero? */
  vanishes(value: ValueId): boolean {
    return remember(this.#vanishes, value, () => {
      if (!this.touches(value)) return false;
      const node = this.#node(value);
      if (!node) return this.zero?.(value) ?? this.dimensions.derived[value] === true;
      const zero = (name: string): boolean =>
        node.inputs.some((input) => input.name === name && this.vanishes(input.value));
      const algebra = algebraOf(node);
      switch (algebra.kind) {
        case 'sum':
          return node.inputs.every((input) => this.vanishes(input.value));
        case 'product':
          return node.inputs.some((input) => this.vanishes(input.value));
        case 'quotient':
          return zero('self') && !this.#varies(node, 'other');
        case 'zero':
          return node.inputs.every((input) => this.vanishes(input.value));
        case 'linear':
          return zero(algebra.input);
        case 'affine':
          return (
            (zero(algebra.weight) || zero(algebra.input)) &&
            (!has(node, algebra.bias) || zero(algebra.bias))
          );
        case 'none':
          return false;
      }
    });
  }

  /** Parameters that scale this value, one operand chosen where several would do. */
  carriers(value: ValueId): ReadonlySet<ValueId> | null {
    return remember(this.#carriers, value, () => {
      if (!this.touches(value)) return null;
      const node = this.#node(value);
      if (!node) return this.dimensions.derived[value] === true ? new Set([value]) : null;
      const of = (name: string): ReadonlySet<ValueId> | null => {
        const input = node.inputs.find((ref) => ref.name === name);
        return input ? this.carriers(input.value) : null;
      };
      const algebra = algebraOf(node);
      switch (algebra.kind) {
        case 'sum':
          return union(node.inputs.map((input) => this.carriers(input.value)));
        case 'product':
          return first(node.inputs.map((input) => this.carriers(input.value)));
        case 'quotient':
          return of('self');
        case 'linear':
          return of(algebra.input);
        case 'affine': {
          const scaled = of(algebra.weight) ?? (algebra.exact ? of(algebra.input) : null);
          return has(node, algebra.bias) ? union([scaled, of(algebra.bias)]) : scaled;
        }
        case 'zero':
        case 'none':
          return null;
      }
    });
  }

  /** The power of F that this value gets when every parameter in `scaled` is multiplied by F; null: no power. */
  degree(value: ValueId, scaled: ReadonlySet<ValueId>): number | null {
    return remember(this.#degree, value, () => {
      if (!this.touches(value)) return 0;
      const node = this.#node(value);
      if (!node) return scaled.has(value) ? 1 : 0;
      const degrees = node.inputs.map((input) => this.degree(input.value, scaled));
      const named = (name: string): number | null | undefined =>
        degrees[node.inputs.findIndex((input) => input.name === name)];
      const algebra = algebraOf(node);
      switch (algebra.kind) {
        case 'sum':
          return degrees.every((degree) => degree === degrees[0]) ? (degrees[0] ?? null) : null;
        case 'product':
          return total(degrees);
        case 'quotient':
          return named('other') === 0 ? (named('self') ?? null) : null;
        case 'linear': {
          const others = node.inputs.some(
            ({ name }, i) => name !== algebra.input && degrees[i] !== 0,
          );
          return others ? null : (named(algebra.input) ?? null);
        }
        case 'affine': {
          const input = named(algebra.input) ?? null;
          if (!algebra.exact && input !== 0) return null;
          const degree = total([named(algebra.weight) ?? 0, input]);
          return has(node, algebra.bias) && named(algebra.bias) !== degree ? null : degree;
        }
        case 'zero':
        case 'none':
          return degrees.every((degree) => degree === 0) ? 0 : null;
      }
    });
  }

  #varies(node: Node, name: string): boolean {
    return node.inputs.some((input) => input.name === name && this.touches(input.value));
  }
}

function remember<T>(memory: Map<ValueId, T>, value: ValueId, compute: () => T): T {
  const known = memory.get(value);
  if (known !== undefined) return known;
  const result = compute();
  memory.set(value, result);
  return result;
}

const has = (node: Node, name: string): boolean => node.inputs.some((input) => input.name === name);

function total(degrees: readonly (number | null)[]): number | null {
  return degrees.reduce(
    (sum, degree) => (sum === null || degree === null ? null : sum + degree),
    0,
  );
}

function first<T>(options: readonly (T | null)[]): T | null {
  return options.find((option) => option !== null) ?? null;
}

function union(sets: readonly (ReadonlySet<ValueId> | null)[]): ReadonlySet<ValueId> | null {
  const all = new Set<ValueId>();
  for (const set of sets) {
    if (!set) return null;
    for (const value of set) all.add(value);
  }
  return all;
}

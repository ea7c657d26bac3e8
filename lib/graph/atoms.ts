// Dimensions as products and sums of atoms under union-find: the algebra of reshapes, slices and ties (design §2.3).
import { LoraShearError } from '../errors.js';

/** A dimension as the row-major product of atoms, outermost first; the empty product has extent 1. */
export type Dim = readonly number[];

/** product: (h d) of a split dimension. sum: [a; b] of a sliced or concatenated one. Both outermost first. */
export interface Structure {
  readonly kind: 'product' | 'sum';
  readonly parts: readonly number[];
}

/**
 * Atoms are index sets. Tying two dimensions says that their indices are the same; atoms are refined into
 * products and sums as far as the ties demand. Atoms left without structure are the classes of the partition.
 */
export class Atoms<Mark extends string> {
  readonly #parent: number[] = [];
  readonly #size: number[] = [];
  readonly #structure: (Structure | null)[] = [];
  readonly #marks: [Dim, Mark][] = [];

  /** `misfit` marks atoms that are divided in ways that products and sums cannot express. */
  constructor(readonly misfit: Mark) {}

  /** A new dimension of this extent. */
  fresh(extent: number): Dim {
    return extent === 1 ? [] : [this.#new(extent, null)];
  }

  extent(dim: Dim): number {
    return dim.reduce((product, atom) => product * this.size(atom), 1);
  }

  size(atom: number): number {
    return this.#size[this.find(atom)] ?? NaN;
  }

  /** Representative of the atom's class. */
  find(atom: number): number {
    let root = atom;
    for (let up = this.#up(root); up !== root; up = this.#up(root)) {
      const above = this.#up(up);
      this.#parent[root] = above;
      root = above;
    }
    return root;
  }

  structure(atom: number): Structure | null {
    return this.#structure[this.find(atom)] ?? null;
  }

  /** Remembers a property of a dimension; it holds for every atom that the dimension is refined into. */
  mark(dim: Dim, mark: Mark): void {
    if (dim.length > 0) this.#marks.push([dim, mark]);
  }

  /** Marks by class. Call it when all ties are made. */
  marks(): Map<number, Set<Mark>> {
    const marks = new Map<number, Set<Mark>>();
    for (const [dim, mark] of this.#marks) {
      for (const leaf of this.leaves(dim)) {
        const set = marks.get(leaf);
        if (set) set.add(mark);
        else marks.set(leaf, new Set([mark]));
      }
    }
    return marks;
  }

  /** The classes (atoms without structure) that a dimension is made of. */
  leaves(dim: Dim, into = new Set<number>()): Set<number> {
    for (const atom of dim) {
      const structure = this.structure(atom);
      if (structure) this.leaves(structure.parts, into);
      else into.add(this.find(atom));
    }
    return into;
  }

  /** Says that two dimensions of equal extent have the same indices. */
  tie(a: Dim, b: Dim): void {
    if (this.extent(a) !== this.extent(b)) {
      throw new LoraShearError(
        'GRAPH_INVALID',
        `dimensions of ${this.extent(a)} and ${this.extent(b)} cannot be the same`,
      );
    }
    const left = a.toReversed();
    const right = b.toReversed();
    for (;;) {
      const x = this.#pop(left, 'product');
      const y = this.#pop(right, 'product');
      if (x === undefined || y === undefined) return;
      const [sx, sy] = [this.size(x), this.size(y)];
      if (sx === sy) {
        this.#union(x, y);
        continue;
      }
      const [big, small, stack] = sx > sy ? [x, y, left] : [y, x, right];
      if (this.size(big) % this.size(small) !== 0) {
        this.mark([x, y, ...left, ...right], this.misfit);
        return;
      }
      const [outer, inner] = this.#splitProduct(big, this.size(small));
      stack.push(inner);
      this.tie([outer], [small]);
    }
  }

  /** The indices start…end−1 of a dimension. */
  slice(dim: Dim, start: number, end: number): Dim {
    const whole = this.extent(dim);
    if (start === 0 && end === whole) return dim;
    if (end <= start) return this.fresh(0);
    let atom = this.#product(dim);
    if (end < whole) [atom] = this.#splitSum(atom, end);
    if (start > 0) [, atom] = this.#splitSum(atom, start);
    return this.#dim(atom);
  }

  /** Dimensions one after another. */
  concat(dims: readonly Dim[]): Dim {
    return this.#dim(this.#sum(dims.map((dim) => this.#product(dim))));
  }

  #up(atom: number): number {
    return this.#parent[atom] ?? atom;
  }

  #new(size: number, structure: Structure | null): number {
    const atom = this.#parent.length;
    this.#parent.push(atom);
    this.#size.push(size);
    this.#structure.push(structure);
    return atom;
  }

  #dim(atom: number): Dim {
    return this.size(atom) === 1 ? [] : [atom];
  }

  /** One atom that stands for a whole product. */
  #product(dim: Dim): number {
    const parts = dim.filter((atom) => this.size(atom) !== 1);
    if (parts.length === 1) return parts[0] as number;
    return this.#new(this.extent(parts), parts.length === 0 ? null : { kind: 'product', parts });
  }

  /** One atom that stands for a whole sum. */
  #sum(parts: readonly number[]): number {
    if (parts.length === 1) return parts[0] as number;
    const size = parts.reduce((total, part) => total + this.size(part), 0);
    return this.#new(size, { kind: 'sum', parts });
  }

  /** Next atom that is no product (no sum), its own parts spread; factors of one index are skipped. */
  #pop(stack: number[], spread: Structure['kind']): number | undefined {
    for (;;) {
      const atom = stack.pop();
      if (atom === undefined) return undefined;
      const structure = this.structure(atom);
      if (structure?.kind === spread) stack.push(...structure.parts.toReversed());
      else if (spread === 'sum' || this.size(atom) !== 1) return this.find(atom);
    }
  }

  /** Makes one class of two atoms of equal size, neither a product. */
  #union(x: number, y: number): void {
    if (x === y) return;
    const [top, below] = this.#structure[x] ? [x, y] : [y, x];
    const upper = this.#structure[top];
    const lower = this.#structure[below];
    this.#parent[below] = top;
    if (upper && lower) this.#tieSums(upper.parts, lower.parts);
  }

  #tieSums(a: readonly number[], b: readonly number[]): void {
    const left = a.toReversed();
    const right = b.toReversed();
    for (;;) {
      const x = this.#pop(left, 'sum');
      const y = this.#pop(right, 'sum');
      if (x === undefined || y === undefined) return;
      const [sx, sy] = [this.size(x), this.size(y)];
      if (sx === sy) {
        this.tie([x], [y]);
        continue;
      }
      const [big, small, stack] = sx > sy ? [x, y, left] : [y, x, right];
      const [first, rest] = this.#splitSum(big, this.size(small));
      stack.push(rest);
      this.tie([first], [small]);
    }
  }

  /** Divides an atom into its first `at` indices and the rest. */
  #splitSum(atom: number, at: number): [number, number] {
    const root = this.find(atom);
    const structure = this.#structure[root];
    const size = this.size(root);
    if (!structure) {
      const parts: [number, number] = [this.#new(at, null), this.#new(size - at, null)];
      this.#structure[root] = { kind: 'sum', parts };
      return parts;
    }
    const { parts } = structure;
    if (structure.kind === 'product') {
      const [outer, ...inner] = parts as [number, ...number[]];
      const block = this.extent(inner);
      if (at % block !== 0) return this.#misfits(root, at, size - at);
      const [first, rest] = this.#splitSum(outer, at / block);
      return [this.#product([first, ...inner]), this.#product([rest, ...inner])];
    }
    let start = 0;
    let i = 0;
    for (; start + this.size(parts[i] as number) <= at; i++) start += this.size(parts[i] as number);
    if (start === at) return [this.#sum(parts.slice(0, i)), this.#sum(parts.slice(i))];
    const [first, rest] = this.#splitSum(parts[i] as number, at - start);
    return [this.#sum([...parts.slice(0, i), first]), this.#sum([rest, ...parts.slice(i + 1)])];
  }

  /** Divides an atom that is no product into `outer` blocks of equal size. */
  #splitProduct(atom: number, outer: number): [number, number] {
    const inner = this.size(atom) / outer;
    const structure = this.#structure[atom];
    if (!structure) {
      const parts: [number, number] = [this.#new(outer, null), this.#new(inner, null)];
      this.#structure[atom] = { kind: 'product', parts };
      return parts;
    }
    const stack = structure.parts.toReversed();
    const parts: number[] = [];
    for (let p = this.#pop(stack, 'sum'); p !== undefined; p = this.#pop(stack, 'sum'))
      parts.push(p);
    const divides = parts.every((part) => this.size(part) % inner === 0);
    if (divides && parts.some((part) => this.size(part) !== inner)) {
      return this.#distribute(atom, parts, inner); // [q; k] of (h d) each is ([h; h'] d)
    }
    return this.#repeat(atom, parts, inner);
  }

  #distribute(atom: number, parts: readonly number[], inner: number): [number, number] {
    const block = this.#new(inner, null);
    const outers = parts.map((part) => this.#new(this.size(part) / inner, null));
    const outer = this.#sum(outers);
    this.#structure[atom] = { kind: 'product', parts: [outer, block] };
    parts.forEach((part, i) => {
      this.tie([part], [outers[i] as number, block]);
    });
    return [outer, block];
  }

  /** [a; b; c] seen as three blocks of one dimension: all blocks have the same indices. */
  #repeat(atom: number, parts: readonly number[], inner: number): [number, number] {
    const blocks: number[][] = [[]];
    let filled = 0;
    for (const part of parts) {
      if (filled === inner) {
        blocks.push([]);
        filled = 0;
      }
      blocks.at(-1)?.push(part);
      filled += this.size(part);
      if (filled > inner) return this.#misfits(atom, this.size(atom) / inner, inner);
    }
    const [first, ...others] = blocks as [number[], ...number[][]];
    const block = this.#sum(first);
    const count = this.#new(blocks.length, null);
    this.mark([count], this.misfit); // blocks of different tensors are no units
    this.#structure[atom] = { kind: 'product', parts: [count, block] };
    for (const other of others) this.#tieSums(first, other);
    return [count, block];
  }

  #misfits(atom: number, first: number, second: number): [number, number] {
    const pieces: [number, number] = [this.#new(first, null), this.#new(second, null)];
    this.mark([atom, ...pieces], this.misfit);
    return pieces;
  }
}

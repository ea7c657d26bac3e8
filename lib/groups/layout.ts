// Where the units of each class lie in a dimension, from its tree of products and sums.
import type { Atoms, Dim } from '../graph/atoms.js';
import type { Mark } from '../graph/rule.js';

/** Unit u of the class: offset + o·(units·inner) + u·inner + j for 0 ≤ o < outer, 0 ≤ j < inner. */
export interface Block {
  readonly atom: number;
  readonly offset: number;
  readonly outer: number;
  readonly inner: number;
}

/** A class within a dimension, repeated by loops (largest stride first). */
interface Occurrence {
  readonly atom: number;
  readonly offset: number;
  readonly inner: number;
  readonly loops: readonly { readonly count: number; readonly stride: number }[];
}

/** All blocks of all classes in a dimension, by offset. */
export function layoutOf(atoms: Atoms<Mark>, dim: Dim): Block[] {
  const found: Occurrence[] = [];
  visit(atoms, dim, 0, 1, [], found);
  const byClass = new Map<string, Occurrence[]>();
  for (const occurrence of found) {
    const { atom, inner, loops } = occurrence;
    const key = JSON.stringify([atom, inner, loops]);
    byClass.set(key, [...(byClass.get(key) ?? []), occurrence]);
  }
  return [...byClass.values()]
    .flatMap((same) => blocks(atoms, same))
    .sort((a, b) => a.offset - b.offset || b.inner - a.inner);
}

/** Walks the factors of a product; sums continue with each part at its place. */
function visit(
  atoms: Atoms<Mark>,
  dim: Dim,
  offset: number,
  stride: number,
  loops: Occurrence['loops'],
  into: Occurrence[],
): void {
  dim.forEach((atom, i) => {
    const inner = stride * atoms.extent(dim.slice(i + 1));
    const around = [...loops];
    for (let j = 0; j < dim.length; j++) {
      if (j === i) continue;
      const count = atoms.size(dim[j] as number);
      const step = stride * atoms.extent(dim.slice(j + 1));
      if (j < i && count > 1) around.push({ count, stride: step });
    }
    const structure = atoms.structure(atom);
    if (!structure) into.push({ atom: atoms.find(atom), offset, inner, loops: around });
    else if (structure.kind === 'product') {
      visit(atoms, structure.parts, offset, inner, around, into);
    } else {
      let start = offset;
      for (const part of structure.parts) {
        visit(atoms, [part], start, inner, around, into);
        start += atoms.size(part) * inner;
      }
    }
  });
}

/** Occurrences that differ in offset only, as few blocks as their regularity allows. */
function blocks(atoms: Atoms<Mark>, same: readonly Occurrence[]): Block[] {
  const [{ atom, inner, loops }] = same as [Occurrence];
  let tile = atoms.size(atom) * inner;
  let starts = same.map(({ offset }) => offset);
  let outer = 1;
  const [first = 0] = starts;
  if (starts.length > 1 && starts.every((start, i) => start === first + i * tile)) {
    outer = starts.length;
    tile *= outer;
    starts = [first];
  }
  const rest = [...loops];
  for (let next = rest.at(-1); next?.stride === tile; next = rest.at(-1)) {
    outer *= next.count;
    tile *= next.count;
    rest.pop();
  }
  for (const { count, stride } of rest.reverse()) {
    starts = starts.flatMap((start) => Array.from({ length: count }, (_, c) => start + c * stride));
  }
  return starts.map((offset) => ({ atom, offset, outer, inner }));
}

import t from 'tap';
import { type Random, createRandom } from '../../lib/data/random.js';
import { Atoms, type Dim } from '../../lib/graph/atoms.js';
import type { Mark } from '../../lib/graph/rule.js';
import { layoutOf } from '../../lib/groups/layout.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';

const make = (): Atoms<Mark> => new Atoms<Mark>('misfit');

/** Blocks of a dimension as `class: offset+outer×inner of units`, classes named by order of appearance. */
function read(atoms: Atoms<Mark>, dim: Dim, names: number[] = []): string[] {
  return layoutOf(atoms, dim).map(({ atom, offset, outer, inner }) => {
    if (!names.includes(atom)) names.push(atom);
    const name = 'abcdefgh'[names.indexOf(atom)] ?? '?';
    return `${name}: ${offset}+${outer}×${inner} of ${atoms.size(atom)}`;
  });
}

t.test('when a dimension is tied to a product, then both are read as blocks', (t) => {
  const atoms = make();
  const flat = atoms.fresh(12);
  atoms.tie(flat, [...atoms.fresh(3), ...atoms.fresh(4)]);
  t.strictSame(read(atoms, flat), ['a: 0+1×4 of 3', 'b: 0+3×1 of 4']);
  t.end();
});

t.test(
  'when products with different boundaries are tied, then they are split where both split',
  (t) => {
    const atoms = make();
    const left = [...atoms.fresh(4), ...atoms.fresh(6)];
    const right = [...atoms.fresh(2), ...atoms.fresh(12)];
    atoms.tie(left, right);
    const names: number[] = [];
    t.strictSame(read(atoms, left, names), ['a: 0+1×12 of 2', 'b: 0+2×6 of 2', 'c: 0+4×1 of 6']);
    t.strictSame(read(atoms, right, names), read(atoms, left, names));
    t.end();
  },
);

t.test('when products cannot be aligned, then all their atoms are misfits', (t) => {
  const atoms = make();
  const left = [...atoms.fresh(2), ...atoms.fresh(3)];
  const right = [...atoms.fresh(3), ...atoms.fresh(2)];
  atoms.tie(left, right);
  const marks = atoms.marks();
  for (const leaf of atoms.leaves([...left, ...right])) t.ok(marks.get(leaf)?.has('misfit'));
  t.end();
});

t.test('when halves are swapped and added, then index i is paired with i + half (RoPE)', (t) => {
  const atoms = make();
  const head = atoms.fresh(8);
  const swapped = atoms.concat([atoms.slice(head, 4, 8), atoms.slice(head, 0, 4)]);
  atoms.tie(head, swapped);
  t.strictSame(read(atoms, head), ['a: 0+2×1 of 4']);
  t.end();
});

t.test('when only a part is turned, then the rest stays a class of its own (partial RoPE)', (t) => {
  const atoms = make();
  const head = atoms.fresh(10);
  const turned = atoms.slice(head, 0, 4);
  const swapped = atoms.concat([atoms.slice(turned, 2, 4), atoms.slice(turned, 0, 2)]);
  atoms.tie(head, atoms.concat([swapped, atoms.slice(head, 4, 10)]));
  t.strictSame(read(atoms, head), ['a: 0+2×1 of 2', 'b: 4+1×1 of 6']);
  t.end();
});

t.test('when unequal parts share a factor, then it is found in each (fused q, k, v)', (t) => {
  const atoms = make();
  const fused = atoms.fresh(16);
  const q = atoms.slice(fused, 0, 8);
  const k = atoms.slice(fused, 8, 12);
  const heads = atoms.fresh(2);
  atoms.tie(q, [...heads, ...atoms.fresh(2), ...atoms.fresh(2)]);
  atoms.tie(k, [...heads, ...atoms.fresh(2)]);
  atoms.tie(atoms.slice(fused, 12, 16), [...heads, ...atoms.fresh(2)]);
  const units = layoutOf(atoms, fused).filter(({ atom }) => atom === atoms.find(heads[0]!));
  t.strictSame(
    units.flatMap((block) => sliceIndices(block, 2, 1)),
    [4, 5, 6, 7, 10, 11, 14, 15],
  );
  t.end();
});

t.test('when a concatenation of parts is seen as heads, then the heads are concatenated', (t) => {
  const atoms = make();
  const fused = atoms.fresh(12);
  const [a, b] = [atoms.slice(fused, 0, 8), atoms.slice(fused, 8, 12)];
  const [heads, width] = [atoms.fresh(6), atoms.fresh(2)];
  atoms.tie(fused, [...heads, ...width]);
  const names: number[] = [];
  t.strictSame(read(atoms, a, names), ['a: 0+1×2 of 4', 'b: 0+4×1 of 2']);
  t.strictSame(read(atoms, b, names), ['c: 0+1×2 of 2', 'b: 0+2×1 of 2']);
  t.strictSame(read(atoms, heads, names), ['a: 0+1×1 of 4', 'c: 4+1×1 of 2']);
  t.end();
});

t.test('when equal parts are seen as rows of a matrix, then the parts are tied', (t) => {
  const atoms = make();
  const fused = atoms.fresh(10);
  const gate = atoms.slice(fused, 0, 5);
  atoms.tie(fused, [...atoms.fresh(2), ...atoms.fresh(5)]);
  const [unit] = layoutOf(atoms, fused).filter(({ atom }) => atom === atoms.find(gate[0]!));
  t.strictSame(sliceIndices(unit!, 5, 3), [3, 8]);
  t.end();
});

t.test('when extents differ, then a tie is refused', (t) => {
  const atoms = make();
  t.throws(() => atoms.tie(atoms.fresh(4), atoms.fresh(5)), { code: 'GRAPH_INVALID' });
  t.end();
});

/** Brute force: every index of every dimension is an element; ties join elements. */
class Elements {
  readonly #parent = new Map<string, string>();
  find(element: string): string {
    let root = element;
    for (let up = this.#parent.get(root); up; up = this.#parent.get(root)) root = up;
    return root;
  }
  join(a: string, b: string): void {
    const [x, y] = [this.find(a), this.find(b)];
    if (x !== y) this.#parent.set(x, y);
  }
}

/** A random dimension made of earlier ones, with the elements at its indices. */
function grow(
  random: Random,
  atoms: Atoms<Mark>,
  elements: Elements,
  known: { dim: Dim; at: string[] }[],
): void {
  const any = () => known[random.integer(known.length)]!;
  const { dim, at } = any();
  const n = at.length;
  const choice = random.integer(5);
  if (choice === 0) {
    const start = random.integer(n);
    const end = start + 1 + random.integer(n - start);
    known.push({ dim: atoms.slice(dim, start, end), at: at.slice(start, end) });
  } else if (choice === 1 && n <= 24) {
    const other = any();
    known.push({ dim: atoms.concat([dim, other.dim]), at: [...at, ...other.at] });
  } else if (choice === 2) {
    const divisors = Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
    const outer = divisors[random.integer(divisors.length)]!;
    atoms.tie(dim, [...atoms.fresh(outer), ...atoms.fresh(n / outer)]); // a view and nothing else
  } else if (choice === 3) {
    const partner = known.find((other) => other.at.length === n && other.dim !== dim);
    if (!partner) return;
    atoms.tie(dim, partner.dim);
    at.forEach((element, i) => {
      elements.join(element, partner.at[i]!);
    });
  } else {
    const size = 1 + random.integer(12);
    const name = `d${known.length}`;
    known.push({
      dim: atoms.fresh(size),
      at: Array.from({ length: size }, (_, i) => `${name}.${i}`),
    });
  }
}

t.test(
  'when dimensions are sliced, joined, viewed and tied at random, then units are closed under ties',
  (t) => {
    const random = createRandom(3);
    let checked = 0;
    for (let run = 0; run < 300; run++) {
      const atoms = make();
      const elements = new Elements();
      const known = [{ dim: atoms.fresh(12), at: Array.from({ length: 12 }, (_, i) => `s.${i}`) }];
      for (let step = 0; step < 25; step++) grow(random, atoms, elements, known);

      const marks = atoms.marks();
      const units = new Map<string, Set<string>>(); // class and unit → indices in all dimensions
      const holders = new Map<string, string[]>(); // joined elements → indices
      known.forEach(({ dim, at }, d) => {
        at.forEach((element, i) => {
          const root = elements.find(element);
          holders.set(root, [...(holders.get(root) ?? []), `${d}.${i}`]);
        });
        for (const block of layoutOf(atoms, dim)) {
          if (marks.get(block.atom)?.has('misfit')) continue;
          const size = atoms.size(block.atom);
          for (let u = 0; u < size; u++) {
            const key = `${block.atom}:${u}`;
            const indices = units.get(key) ?? new Set<string>();
            for (const i of sliceIndices(block, size, u)) indices.add(`${d}.${i}`);
            units.set(key, indices);
          }
        }
      });
      for (const [unit, indices] of units) {
        if (atoms.size(Number(unit.split(':')[0])) === 1) continue; // a single index is never tied
        for (const index of indices) {
          const [d, i] = index.split('.').map(Number) as [number, number];
          for (const same of holders.get(elements.find(known[d]!.at[i]!)) ?? []) {
            checked++;
            if (!indices.has(same))
              t.fail(`run ${run}: ${same} is ${index} but not in unit ${unit}`);
          }
        }
      }
    }
    t.ok(checked > 10_000);
    t.end();
  },
);

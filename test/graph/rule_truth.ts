// What libtorch says of a use of an operator: that tied dimensions are the same, and no others are, and how zeros go through.
import type { Test } from 'tap';
import { type Dimensions, dimensionsOf } from '../../lib/graph/dimensions.js';
import type { Graph } from '../../lib/graph/graph.js';
import type { Mark } from '../../lib/graph/rule.js';
import { algebraOf, rules } from '../../lib/graph/rules.js';
import { type Block, layoutOf } from '../../lib/groups/layout.js';
import { withRecorder } from '../../lib/tensor/op.js';
import { indexSelect } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { type Tensor, longTensor, tensorFrom } from '../../lib/tensor/tensor.js';
import { GraphRecorder } from '../../lib/trace/recorder.js';
import { distance } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';
import { type AtenName, type Attributes, callAten } from './aten.js';

/** One use of an operator. */
export interface Use {
  readonly op: AtenName;
  /** Every tensor argument by its name in the schema. Indices are given, masks are of 0 and 1, all others parameters. */
  readonly inputs: readonly (readonly [name: string, ...shape: number[]])[];
  readonly attrs?: Attributes;
  /** One letter per class of dimensions of inputs → outputs; (ab) a product, [ab] a sum, `·` without a class. */
  readonly tied: string;
}

type Named = readonly [name: string, tensor: Tensor];

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, extent) => n * extent, 1);
const isIndex = (name: string): boolean => name === 'indices' || name === 'index';

/** Values in [0.1, 1.1), where every operator is smooth; indices below the rows of the weight, or distinct in a row. */
function inputsOf({ inputs }: Use, seed = 1): Named[] {
  const rows = inputs.find(([name]) => name === 'weight')?.[1] ?? 1;
  const apart = Number(inputs[0]?.at(-1));
  return inputs.map(([name, ...shape], i): Named => {
    const noise = randomNumbers(100 * seed + i, sizeOf(shape));
    if (name === 'mask') {
      const bits = Uint8Array.from(noise, (x) => (x > 0 ? 1 : 0));
      return [name, tensorFrom(bits, 'bool', shape)];
    }
    if (name === 'index') {
      const places = Array.from(noise, (_, j) => (Math.floor(j / shape.at(-1)!) + 2 * j) % apart);
      return [name, longTensor(places, shape)];
    }
    if (name !== 'indices') {
      const values = Float64Array.from(noise, (x) => x + 0.6);
      return [name, tensorFrom(values, 'float64', shape)];
    }
    return [
      name,
      longTensor(
        Array.from(noise, (x) => Math.floor((x + 0.5) * rows)),
        shape,
      ),
    ];
  });
}

const valuesOf = (tensors: readonly Tensor[]): number[] => tensors.flatMap((x) => x.toArray());

interface Recorded {
  readonly graph: Graph;
  readonly dimensions: Dimensions;
  /** Ids of the values that go in and come out. */
  readonly given: readonly number[];
  readonly made: readonly number[];
}

/** The graph of this one operator as a trace would have it, and its dimensions. */
export function recorded(use: Use): Recorded {
  return scoped(() => {
    const tensors = inputsOf(use);
    const parameters = tensors
      .filter(([name]) => !isIndex(name))
      .map(([name, tensor], i): Named => [`${name}.${i}`, tensor]);
    const tokens = tensors.filter(([name]) => isIndex(name)).map(([, tensor]) => tensor);
    const recorder = new GraphRecorder(parameters, tokens);
    const [first] = withRecorder(recorder, () => callAten(use.op, tensors, use.attrs));
    recorder.finish(first!);
    const graph = recorder.graph();
    const { inputs, outputs: made } = graph.nodes[0]!;
    const given = inputs.map(({ value }) => value);
    return { graph, dimensions: dimensionsOf(graph), given, made };
  });
}

/** The dimensions of all tensors, letters by first appearance. */
export function describeTies({ dimensions: { atoms, of }, given, made }: Recorded): string {
  const letters = new Map<number, string>();
  const dims = (values: readonly number[]): string =>
    values
      .map((value) =>
        of[value]!.map((dim) => {
          const blocks = layoutOf(atoms, dim);
          const names = blocks
            .filter(({ atom }) => atoms.size(atom) > 1)
            .map(({ atom }) => {
              if (!letters.has(atom)) letters.set(atom, 'abcdefghijk'[letters.size] ?? '?');
              return letters.get(atom) ?? '?';
            });
          if (names.length < 2) return names[0] ?? '·';
          const sum = atoms.extent(dim) === blocks.reduce((n, b) => n + atoms.size(b.atom), 0);
          return sum ? `[${names.join('')}]` : `(${names.join('')})`;
        }).join(' '),
      )
      .join(' , ');
  return `${dims(given)} → ${dims(made)}`;
}

/** Classes with these marks are tied, but their indices mean something: exchanging them changes the result. */
const ordered: readonly Mark[] = ['indexed', 'token_lookup', 'position_lookup', 'misfit'];

/** The tensor with the units of class `atom` moved one on, in every dimension that holds it. */
function rotated(
  x: Tensor,
  { atoms }: Dimensions,
  layouts: readonly Block[][],
  atom: number,
): Tensor {
  let result = x;
  layouts.forEach((blocks, d) => {
    const order = Array.from({ length: x.extent(d) }, (_, i) => i);
    const units = atoms.size(atom);
    for (const { offset, outer, inner } of blocks.filter((block) => block.atom === atom)) {
      for (let i = 0; i < outer * units * inner; i++) {
        const [o, u, j] = [
          Math.floor(i / (units * inner)),
          Math.floor(i / inner) % units,
          i % inner,
        ];
        order[offset + i] = offset + o * units * inner + ((u + 1) % units) * inner + j;
      }
    }
    result = indexSelect(result, d, longTensor(order, [order.length]));
  });
  return result;
}

/**
 * Exchanging the units of a class in all inputs exchanges them in the outputs, and does nothing else; in some of the
 * inputs only, it does not. Thus exactly what is tied is the same dimension.
 */
function checkTies(t: Test, use: Use, { dimensions, given, made }: Recorded): void {
  const { atoms, of } = dimensions;
  const marks = atoms.marks();
  const layoutsOf = (value: number): Block[][] => of[value]!.map((dim) => layoutOf(atoms, dim));
  const [inLayouts, outLayouts] = [given.map(layoutsOf), made.map(layoutsOf)];
  const classes = new Set(inLayouts.flat(2).map(({ atom }) => atom));
  scoped(() => {
    const tensors = inputsOf(use);
    const before = callAten(use.op, tensors, use.attrs);
    const plain = valuesOf(before);
    const run = (moved: Named[]): number[] => valuesOf(callAten(use.op, moved, use.attrs));
    for (const atom of [...classes].filter((a) => atoms.size(a) > 1)) {
      const moved = tensors.map(([name, x], i): Named => [
        name,
        rotated(x, dimensions, inLayouts[i]!, atom),
      ]);
      const expected = valuesOf(before.map((y, i) => rotated(y, dimensions, outLayouts[i]!, atom)));
      const apart = distance(run(moved), expected);
      if (ordered.some((mark) => marks.get(atom)?.has(mark))) {
        t.ok(apart > 1e-3, `class ${atom} is marked, its order matters`);
        continue;
      }
      t.ok(apart < 1e-12, `class ${atom} moves as one: ${apart}`);
      const holders = tensors.flatMap((_, i) =>
        inLayouts[i]!.flat().some((block) => block.atom === atom) ? [i] : [],
      );
      if (holders.length < 2) continue;
      for (const alone of holders) {
        const torn = run(tensors.map((own, i) => (i === alone ? moved[i]! : own)));
        t.ok(distance(torn, expected) > 1e-3, `class ${atom} needs its part of input ${alone}`);
        t.ok(distance(torn, plain) > 1e-3, `class ${atom} of input ${alone} is no other dimension`);
      }
    }
  });
}

/** What the rule says of sums, factors and zeros is so, and is not said of an operator of which more is true. */
function checkAlgebra(t: Test, use: Use, { graph }: Recorded): void {
  const algebra = algebraOf(graph.nodes[0]!);
  const [a, b] = [inputsOf(use, 1), inputsOf(use, 2)];
  const all = [...new Set(a.map(([name]) => name).filter((n) => !isIndex(n) && n !== 'mask'))];
  const [small, large] = [1e-12, 1e-3];
  const run = (inputs: Named[]): number[] => valuesOf(callAten(use.op, inputs, use.attrs));
  const mix = (names: readonly string[], of: (x: number, y: number) => number): Named[] =>
    a.map(([name, x], i) => {
      if (!names.includes(name)) return [name, x];
      const [p, q] = [x.toArray(), b[i]![1].toArray()];
      const values = Float64Array.from(p, (value, j) => of(value, q[j]!));
      return [name, tensorFrom(values, 'float64', x.shape)];
    });
  /** f(x + y) against f(x) + f(y) where only these inputs vary. */
  const additive = (...names: string[]): number => {
    const parts = [run(mix(names, (x) => x)), run(mix(names, (_, y) => y))];
    return distance(
      run(mix(names, (x, y) => x + y)),
      parts[0]!.map((x, i) => x + parts[1]![i]!),
    );
  };
  /** f(x) + f(−y) against f(x − y); no number where f has none for negative ones. */
  const opposites = (): number => {
    const [x, y] = [run(a), run(mix(all, (_, v) => -v))];
    return distance(
      run(mix(all, (u, v) => u - v)),
      x.map((u, i) => u + y[i]!),
    );
  };
  const atZero = (...names: string[]): number =>
    Math.max(...run(mix(names, () => 0)).map((x) => (Number.isNaN(x) ? Infinity : Math.abs(x))));
  scoped(() => {
    switch (algebra.kind) {
      case 'sum':
        t.ok(additive(...all) < small, 'a sum of all inputs');
        break;
      case 'product':
        for (const name of all) t.ok(additive(name) < small, `linear in ${name}`);
        t.ok(additive(...all) > large, 'in each alone');
        break;
      case 'linear':
        t.ok(additive(algebra.input) < small, `linear in ${algebra.input}`);
        for (const name of all.filter((n) => n !== algebra.input)) {
          t.ok(additive(name) > large, `in ${name} it is not`);
        }
        break;
      case 'quotient':
        t.ok(additive('self') < small, 'linear in what is divided');
        t.ok(
          distance(
            run(mix(['other'], (x) => 2 * x)),
            run(a).map((x) => x / 2),
          ) < small,
        );
        break;
      case 'affine': {
        const { weight, bias, input, exact } = algebra;
        if (all.includes(weight)) {
          t.ok(additive(weight, bias) < small, 'linear in weight and bias');
        }
        t.ok(atZero(input, bias) < small, 'zero where input and bias are');
        const gap = additive(input, bias);
        t.ok(exact ? gap < small : gap > large, `exact: ${exact}`);
        break;
      }
      case 'zero':
        t.ok(atZero(...all) < small, 'zero goes to zero');
        t.notOk(opposites() < small, 'it is not linear');
        break;
      case 'none':
        t.ok(atZero(...all) > large, 'zero does not go to zero');
        break;
      default:
        t.fail(`no kind of algebra: ${JSON.stringify(algebra)}`);
    }
  });
}

/** Each use against libtorch; every operator of `registry` must have one. */
export function checkRules(t: Test, registry: object, uses: readonly Use[]): void {
  for (const use of uses) {
    const shapes = use.inputs.map(([, ...shape]) => `(${shape.join(',')})`).join(' ');
    const attrs = use.attrs === undefined ? '' : ` with ${JSON.stringify(use.attrs)}`;
    t.test(`when ${use.op} reads ${shapes}${attrs}, then its dimensions are ${use.tied}`, (t) => {
      const found = recorded(use);
      t.equal(describeTies(found), use.tied);
      checkTies(t, use, found);
      checkAlgebra(t, use, found);
      t.end();
    });
  }
  t.test('when an operator is in the registry, then a use above shows it', (t) => {
    const shown = new Set(uses.flatMap(({ op }) => [`aten::${op}`, `aten::${op.split('.')[0]}`]));
    t.strictSame(
      Object.keys(registry).filter((op) => !shown.has(op)),
      [],
    );
    for (const op of Object.keys(registry)) {
      t.equal((rules as object)[op as never], registry[op as never], `${op} is registered`);
    }
    t.end();
  });
}

/** Marks of every dimension of every input, joined by commas; 'output' is on all that comes out and is left out. */
export function marksOf({ dimensions: { atoms, of }, given }: Recorded): string[][] {
  const marks = atoms.marks();
  return given.map((value) =>
    of[value]!.map((dim) => {
      const own = [...atoms.leaves(dim)].flatMap((leaf) => [...(marks.get(leaf) ?? [])]);
      return [...new Set(own)]
        .filter((mark) => mark !== 'output')
        .sort()
        .join();
    }),
  );
}

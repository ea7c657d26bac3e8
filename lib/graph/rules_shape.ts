// Dimension rules of operators that only rearrange: views, slices, concatenations, repetitions.
import type { Dim } from './atoms.js';
import { type Algebra, type Rule, type RuleContext, dimOf, fromFront, withDim } from './rule.js';

const linear: Algebra = { kind: 'linear', input: 'self' };

/** Row-major regrouping: dimensions meet where their products from the front are equal. */
function view({ atoms, input, shapes }: RuleContext): Dim[][] {
  const { value, dims } = input('self');
  const into = shapes[0] as readonly number[];
  if (into.includes(0)) return [into.map((extent) => atoms.fresh(extent))];
  const result = into.map((extent) => atoms.fresh(extent));
  for (let i = 0, o = 0; i < dims.length || o < into.length;) {
    const [fromI, fromO] = [i, o];
    let before = value.shape[i++] ?? 1;
    let after = into[o++] ?? 1;
    while (before !== after) {
      if (before < after) before *= value.shape[i++] as number;
      else after *= into[o++] as number;
    }
    const [from, to] = [dims.slice(fromI, i), result.slice(fromO, o)];
    if (from.length === 1 && to.length === 1) result[fromO] = from[0] as Dim;
    else atoms.tie(from.flat(), to.flat());
  }
  return [result];
}

function transpose({ input, integer }: RuleContext): Dim[][] {
  const dims = [...input('self').dims];
  const a = fromFront(integer('dim0'), dims.length);
  const b = fromFront(integer('dim1'), dims.length);
  [dims[a], dims[b]] = [dims[b] as Dim, dims[a] as Dim];
  return [dims];
}

function permute({ input, node }: RuleContext): Dim[][] {
  return [(node.attrs['dims'] as number[]).map((dim) => dimOf(input('self'), dim))];
}

function unsqueeze({ input, integer, shapes }: RuleContext): Dim[][] {
  const { dims } = input('self');
  return [dims.toSpliced(fromFront(integer('dim'), shapes[0]?.length ?? 0), 0, [])];
}

function squeeze({ input, integer }: RuleContext): Dim[][] {
  const { dims, value } = input('self');
  const dim = fromFront(integer('dim'), dims.length);
  return [value.shape[dim] === 1 ? dims.toSpliced(dim, 1) : [...dims]];
}

/** Broadcast dimensions are new; the others stay. */
function expand({ atoms, input, shapes }: RuleContext): Dim[][] {
  const { dims, value } = input('self');
  const into = shapes[0] as readonly number[];
  const added = into.length - dims.length;
  return [
    into.map((extent, o) =>
      value.shape[o - added] === extent ? (dims[o - added] as Dim) : atoms.fresh(extent),
    ),
  ];
}

function slice({ atoms, input, integer, shapes, node }: RuleContext): Dim[][] {
  const { dims, value } = input('self');
  const dim = fromFront(integer('dim'), dims.length);
  const whole = dims[dim] as Dim;
  const size = shapes[0]?.[dim] ?? 0;
  if (integer('step') !== 1) {
    atoms.mark(whole, 'indexed');
    return [withDim(dims, dim, atoms.fresh(size))];
  }
  const given = Math.max(0, fromFront(Number(node.attrs['start'] ?? 0), value.shape[dim] ?? 0));
  return [withDim(dims, dim, atoms.slice(whole, given, given + size))];
}

/** chunk, split: consecutive parts. */
function split({ atoms, input, integer, shapes }: RuleContext): Dim[][] {
  const { dims } = input('self');
  const dim = fromFront(integer('dim'), dims.length);
  let start = 0;
  return shapes.map((shape) => {
    const end = start + (shape[dim] ?? 0);
    const part = atoms.slice(dims[dim] as Dim, start, end);
    start = end;
    return withDim(dims, dim, part);
  });
}

function cat({ atoms, inputs, integer, shapes }: RuleContext): Dim[][] {
  const rank = shapes[0]?.length ?? 0;
  const dim = fromFront(integer('dim'), rank);
  const joined = inputs.filter(({ dims }) => dims.length === rank); // legacy: empty 1-D tensors are skipped
  const like = joined.find(({ derived }) => derived) ?? joined[0];
  for (const operand of joined) {
    operand.dims.forEach((part, d) => {
      if (d === dim) {
        if (!operand.derived) atoms.mark(part, 'constant');
      } else if (!operand.derived) atoms.mark(like?.dims[d] ?? [], 'constant');
      else atoms.tie(part, like?.dims[d] as Dim);
    });
  }
  const parts = joined.map((x) => x.dims[dim] as Dim);
  return [
    withDim(
      like?.dims ?? [],
      dim,
      atoms.extent(parts.flat()) > 1 ? atoms.concat(parts) : stacked(atoms, parts.length),
    ),
  ];
}

/** A dimension put together of single indices, each of another tensor. */
function stacked(atoms: RuleContext['atoms'], count: number): Dim {
  const dim = atoms.fresh(count);
  atoms.mark(dim, 'indexed');
  return dim;
}

/** One index of a dimension, which disappears. */
function select({ atoms, input, integer }: RuleContext): Dim[][] {
  const { dims } = input('self');
  const dim = fromFront(integer('dim'), dims.length);
  atoms.mark(dims[dim] as Dim, 'indexed');
  return [dims.toSpliced(dim, 1)];
}

/** Every index several times in a row: k → (k g). */
function repeatInterleave({ atoms, input, node, integer }: RuleContext): Dim[][] {
  const { dims } = input('self');
  const dim = fromFront(Number(node.attrs['dim'] ?? 0), dims.length);
  const repeated = [...(dims[dim] as Dim), ...atoms.fresh(integer('repeats'))];
  return [withDim(dims, dim, repeated)];
}

/** Same tensor, other dtype, device, memory or gradient. */
function same({ inputs }: RuleContext): Dim[][] {
  return [[...(inputs[0]?.dims ?? [])]];
}

export const shapeRules = {
  'aten::view': { dims: view, algebra: linear },
  'aten::reshape': { dims: view, algebra: linear },
  'aten::flatten.using_ints': { dims: view, algebra: linear },
  'aten::unflatten.int': { dims: view, algebra: linear },
  'aten::transpose.int': { dims: transpose, algebra: linear },
  'aten::t': {
    dims: ({ input }) => [input('self').dims.toReversed()],
    algebra: linear,
  },
  'aten::permute': { dims: permute, algebra: linear },
  'aten::unsqueeze': { dims: unsqueeze, algebra: linear },
  'aten::squeeze.dim': { dims: squeeze, algebra: linear },
  'aten::expand': { dims: expand, algebra: linear },
  'aten::slice.Tensor': { dims: slice, algebra: linear },
  'aten::chunk': { dims: split, algebra: linear },
  'aten::split.Tensor': { dims: split, algebra: linear },
  'aten::split_with_sizes': { dims: split, algebra: linear },
  'aten::select.int': { dims: select, algebra: linear },
  'aten::cat': { dims: cat, algebra: { kind: 'sum' } },
  'aten::repeat_interleave.self_int': { dims: repeatInterleave, algebra: linear },
  'aten::contiguous': { dims: same, algebra: linear },
  'aten::clone': { dims: same, algebra: linear },
  'aten::detach': { dims: same, algebra: linear },
  'aten::dropout': { dims: same, algebra: { kind: 'linear', input: 'input' } },
  'aten::to': { dims: same, algebra: linear }, // every overload
} satisfies Record<string, Rule>;

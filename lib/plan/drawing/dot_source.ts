// The condensed graph as Graphviz text: a box for each operator, coloured by the groups that it reads and makes.
import type { GroupKind, NodeGroup, Partition } from '../../groups/group.js';
import { type DrawnNode, type Drawing, type Fold } from './condense.js';
import { box, colourOf, faint, frame, ink, page } from './colours.js';

const whole = new Intl.NumberFormat('en-US');
const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** Groups on both sides of the parameters that an operator reads. */
interface Sides {
  readonly reads: NodeGroup | undefined;
  readonly makes: NodeGroup | undefined;
}

/** Graphviz source; `dot` lays it out from the tokens down to the logits. */
export function dotSource(drawing: Drawing, partition: Partition): string {
  const sides = sidesOf(partition);
  const flow = flowOf(drawing, sides);
  const folded = (layer: number | null): Fold | undefined =>
    drawing.folds.find(({ first, last }) => layer !== null && first <= layer && layer <= last);
  const byIndex = new Map(drawing.nodes.map((node) => [node.index, node]));
  const placeOf = (index: number): string => {
    if (index < 0) return 'tokens';
    const fold = folded(byIndex.get(index)?.layer ?? null);
    return fold ? `fold${fold.first}` : `n${index}`;
  };
  const shown = drawing.nodes.filter(({ layer }) => !folded(layer));
  const layers = new Map<number | null, DrawnNode[]>();
  for (const node of shown) layers.set(node.layer, [...(layers.get(node.layer) ?? []), node]);

  const lines = [
    'digraph model {',
    `graph [rankdir=TB bgcolor="${page.light}" fontname="Helvetica" fontsize=13 fontcolor="${ink.light}" nodesep=0.3 ranksep=0.32 splines=true margin=0.2]`,
    `node [shape=plain fontname="Helvetica" fontsize=12 fontcolor="${ink.light}"]`,
    `edge [arrowsize=0.6 penwidth=1.6]`,
    `tokens [label=${plainLabel('tokens')}]`,
  ];
  for (const [layer, nodes] of layers) {
    const boxes = nodes.map((node) => `n${node.index} [label=${operatorLabel(node, sides)}]`);
    if (layer === null) lines.push(...boxes);
    else {
      lines.push(
        `subgraph cluster_${layer} { label="layer ${layer}" labeljust=l margin=16 style=rounded color="${frame.light}" fontcolor="${faint.light}"`,
        ...boxes,
        '}',
      );
    }
  }
  for (const { first, last, like } of drawing.folds) {
    const name = first === last ? `layer ${first}` : `layers ${first}–${last}`;
    lines.push(`fold${first} [label=${plainLabel(`${name}: as layer ${like}`)}]`);
  }
  const edges = new Set<string>();
  for (const { index, sources } of drawing.nodes) {
    for (const source of sources) {
      const [from, to] = [placeOf(source), placeOf(index)];
      if (from === to) continue;
      const { kind, prunable } = flow.get(source) ?? {};
      const style = prunable === true ? 'solid' : 'dashed';
      edges.add(`${from} -> ${to} [color="${colourOf(kind).light}" style=${style}]`);
    }
  }
  lines.push(...edges, `logits [label=${plainLabel('logits')}]`);
  const end = flow.get(drawing.result);
  lines.push(
    `${placeOf(drawing.result)} -> logits [color="${colourOf(end?.kind).light}" style=dashed]`,
    '}',
  );
  return lines.join('\n');
}

/** Width of a head is never cut, and heads say more: where a dimension has both, the heads name it. */
function sidesOf({ groups }: Partition): Map<string, Sides> {
  const sides = new Map<string, { reads?: NodeGroup; makes?: NodeGroup }>();
  const rank = (kind: GroupKind): number => (kind === 'head_dim' || kind === 'lora_rank' ? 1 : 0);
  for (const group of [...groups].sort((a, b) => rank(a.kind) - rank(b.kind))) {
    if (group.kind === 'sublayer' || group.kind === 'layer') continue;
    for (const { param, role } of group.slices) {
      const known = sides.get(param) ?? {};
      sides.set(param, known);
      if (role === 'consumer') known.reads ??= group;
      else known.makes ??= group;
    }
  }
  return new Map([...sides].map(([name, { reads, makes }]) => [name, { reads, makes }]));
}

/** The group whose units are in what each operator makes. */
function flowOf({ nodes }: Drawing, sides: ReadonlyMap<string, Sides>): Map<number, NodeGroup> {
  const flow = new Map<number, NodeGroup>();
  for (const { index, op, parameters, sources } of nodes) {
    const own = parameters.map(({ name = '' }) => sides.get(name));
    const normed = op.includes('norm');
    // A look-up makes columns of its table.
    const made = op === 'aten::embedding' ? own.find((side) => side?.reads ?? side?.makes) : own[0];
    const before = sources.map((source) => flow.get(source)).filter((group) => group !== undefined);
    const group =
      parameters.length > 0 && !normed
        ? op === 'aten::embedding'
          ? (embedded(made) ?? made?.makes)
          : asProduct(op, made)?.makes
        : op === 'aten::scaled_dot_product_attention'
          ? before.at(-1)
          : before[0];
    if (group) flow.set(index, group);
  }
  return flow;
}

const embedded = (side: Sides | undefined): NodeGroup | undefined =>
  [side?.reads, side?.makes].find((group) => group?.kind === 'residual');

/** A table that is also the head is recorded as the look-up that comes first; the product reads its columns. */
function asProduct(op: string, side: Sides | undefined): Sides | undefined {
  const turned = op !== 'aten::embedding' && side?.reads?.kind === 'vocabulary';
  return turned ? { reads: side.makes, makes: side.reads } : side;
}

/** Two coloured strips: what the operator reads above, what it makes below. */
function operatorLabel(node: DrawnNode, sides: ReadonlyMap<string, Sides>): string {
  const { op, module, parameters } = node;
  const [matrix] = parameters.filter(({ shape }) => shape.length > 1);
  const side = matrix && asProduct(op, sides.get(matrix.name ?? ''));
  // A table of positions is looked up outside of what depends on the tokens; the sum names it.
  const path = op.startsWith('aten::add.')
    ? matrix?.name?.split('.').slice(0, -1)
    : module.split('.');
  const name = parameters.length > 0 ? (path?.at(-1) ?? '') : '';
  const what = op
    .replace(/^aten::/, '')
    .replace(/\..*$/, '')
    .replaceAll('_', ' ');
  const shape = matrix ? ` ${matrix.shape.map((n) => whole.format(n)).join(' × ')}` : '';
  const words = names[what] ?? what;
  const lines = [name === '' ? '' : `<B>${escaped(name)}</B><BR/>`, escaped(words + shape)];
  const strip = (group: NodeGroup | undefined): string =>
    group
      ? `<TR><TD HEIGHT="6" FIXEDSIZE="FALSE" BGCOLOR="${colourOf(group.kind).light}"></TD></TR>`
      : '';
  const [above, below] =
    op === 'aten::embedding' ? [undefined, embedded(side)] : [side?.reads, side?.makes];
  const middle = `<TR><TD CELLPADDING="5" BGCOLOR="${box.light}">${lines.join('')}</TD></TR>`;
  return `<<TABLE BORDER="1" COLOR="${frame.light}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">${strip(above)}${middle}${strip(below)}</TABLE>>`;
}

const names: Readonly<Record<string, string>> = {
  'scaled dot product attention': 'attention',
  add: '+',
  mul: '×',
  addmm: 'linear',
  mm: 'linear',
};

const plainLabel = (text: string): string =>
  `<<TABLE BORDER="1" STYLE="ROUNDED" COLOR="${frame.light}" CELLBORDER="0" CELLPADDING="6"><TR><TD>${escaped(text)}</TD></TR></TABLE>>`;

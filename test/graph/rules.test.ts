import t from 'tap';
import { dimensionsOf } from '../../lib/graph/dimensions.js';
import { algebraOf, ruleOf, rules } from '../../lib/graph/rules.js';
import { layoutOf } from '../../lib/groups/layout.js';
import { type Case, cases } from './rule_cases.js';
import { type Input, Symbolic } from './symbolic.js';

/** The dimensions of all tensors, letters by first appearance. */
function describe({ op, inputs, attrs = {}, outputs }: Case): string {
  const s = new Symbolic();
  const given = inputs.map(([name, ...shape], i): Input => [name, s.parameter(`p${i}`, ...shape)]);
  const made = s.call(op, given, attrs, ...outputs);
  const { atoms, of } = dimensionsOf(s.finish(s.unary('neg', made[0]!)));
  const letters = new Map<number, string>();
  const dims = (values: readonly number[]): string =>
    values
      .map((value) =>
        of[value]!.map((dim) => {
          const blocks = layoutOf(atoms, dim).filter(({ atom }) => atoms.size(atom) > 1);
          const names = blocks.map(({ atom }) => {
            if (!letters.has(atom)) letters.set(atom, 'abcdefghijk'[letters.size] ?? '?');
            return letters.get(atom) ?? '?';
          });
          if (names.length < 2) return names[0] ?? '·';
          const sum = atoms.extent(dim) === blocks.reduce((n, b) => n + atoms.size(b.atom), 0);
          return sum ? `[${names.join('')}]` : `(${names.join('')})`;
        }).join(' '),
      )
      .join(' , ');
  return `${dims(given.map(([, value]) => value))} → ${dims(made)}`;
}

for (const example of cases) {
  const shapes = example.inputs.map(([, ...shape]) => `(${shape.join(',')})`).join(' ');
  t.test(`when ${example.op} reads ${shapes}, then its dimensions are ${example.tied}`, (t) => {
    t.equal(describe(example), example.tied);
    t.end();
  });
}

t.test('when a rule is in the registry, then a case above shows it', (t) => {
  const shown = new Set(cases.flatMap(({ op }) => [`aten::${op}`, `aten::${op.split('.')[0]}`]));
  t.strictSame(
    Object.keys(rules).filter((op) => !shown.has(op)),
    [],
  );
  t.end();
});

t.test('when an overload has no rule of its own, then that of the bare name serves', (t) => {
  t.equal(ruleOf('aten::to.dtype_layout'), rules['aten::to']);
  t.equal(ruleOf('aten::add'), undefined);
  t.equal(ruleOf('aten::toString'), undefined);
  t.end();
});

t.test('when a power is not positive, then nothing is known of zero', (t) => {
  const node = (exponent: number) => ({
    op: 'aten::pow.Tensor_Scalar',
    module: '',
    inputs: [],
    attrs: { exponent },
    outputs: [],
  });
  t.equal(algebraOf(node(2)).kind, 'zero');
  t.equal(algebraOf(node(0)).kind, 'none');
  t.equal(algebraOf(node(-0.5)).kind, 'none');
  t.end();
});

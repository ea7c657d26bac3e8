import t from 'tap';
import { algebraOf, ruleOf, rules } from '../../lib/graph/rules.js';
import { elementwiseRules } from '../../lib/graph/rules_elementwise.js';
import { networkRules } from '../../lib/graph/rules_network.js';
import { routingRules } from '../../lib/graph/rules_routing.js';
import { shapeRules } from '../../lib/graph/rules_shape.js';

const node = (op: string, attrs: Record<string, unknown> = {}) => ({
  ...{ op, attrs, module: '' },
  inputs: [],
  outputs: [],
});

t.test('when an operator is in one topic, then it is in no other', (t) => {
  const parts = [elementwiseRules, networkRules, routingRules, shapeRules].flatMap((part) =>
    Object.keys(part),
  );
  t.strictSame([...parts].sort(), Object.keys(rules).sort());
  t.end();
});

t.test('when an overload has no rule of its own, then that of the bare name serves', (t) => {
  t.equal(ruleOf('aten::to.dtype_layout'), rules['aten::to']);
  t.equal(ruleOf('aten::add'), undefined);
  t.equal(ruleOf('aten::toString'), undefined);
  t.equal(ruleOf('aten::sum.IntList_out'), undefined, 'nor does a rule for one serve another');
  t.end();
});

t.test('when a power is not positive, then nothing is known of zero', (t) => {
  const of = (exponent: number) => algebraOf(node('aten::pow.Tensor_Scalar', { exponent })).kind;
  t.strictSame([2, 0.5, 0, -0.5].map(of), ['zero', 'zero', 'none', 'none']);
  t.end();
});

t.test('when an operator has no rule, then nothing is known of it', (t) => {
  t.strictSame(algebraOf(node('aten::cumsum')), { kind: 'none' });
  t.end();
});

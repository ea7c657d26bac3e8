// The registry of dimension rules, one per operator: which dimensions are the same, and how they factor (design §2.3).
import type { Node } from './graph.js';
import type { Algebra, Rule } from './rule.js';
import { elementwiseRules } from './rules_elementwise.js';
import { networkRules } from './rules_network.js';
import { routingRules } from './rules_routing.js';
import { shapeRules } from './rules_shape.js';

export const rules = {
  ...shapeRules,
  ...elementwiseRules,
  ...networkRules,
  ...routingRules,
} as const;

const byName: Readonly<Record<string, Rule | undefined>> = rules;

/** The rule of an operator; a rule under the bare name serves every overload. */
export function ruleOf(op: string): Rule | undefined {
  return byName[op] ?? byName[op.split('.')[0] as string];
}

/** How this node's output depends on its inputs; nothing is known of operators without a rule. */
export function algebraOf(node: Node): Algebra {
  const algebra = ruleOf(node.op)?.algebra ?? { kind: 'none' };
  return typeof algebra === 'function' ? algebra(node) : algebra;
}

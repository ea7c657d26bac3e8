// What binds where a target cannot be met, and engines as a constraint.
import t from 'tap';
import { type BudgetOptions, allocate } from '../../lib/budget/allocate.js';
import { engineRule } from '../../lib/budget/engine_rule.js';
import type { Importance } from '../../lib/budget/importance.js';
import type { LoraShearError } from '../../lib/errors.js';
import type { NodeGroup, Partition } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import type { RawConfig } from '../../lib/models/model.js';
import { discoverGraph } from '../../lib/pipeline/discover.js';
import { Costs } from '../../lib/plan/costs.js';
import { groupOf, linearCosts } from '../fixtures/linear_costs.js';

const layers = [0, 1, 2, 3];
const groups: NodeGroup[] = layers.flatMap((layer) => [
  groupOf('attention_heads', layer, 4, 25),
  groupOf('mlp_channels', layer, 100, 1),
]);
const whole: Partition = { groups, parameters: 1000, fingerprint: '' };
const importance: Importance = new Map(
  groups.map(({ id, units }) => [id, Float64Array.from({ length: units + 1 }, (_, k) => k * k)]),
);

function refusal(options: Partial<BudgetOptions>, of: Partition = whole): LoraShearError {
  try {
    allocate(linearCosts(of), {
      ...{ target: { measure: 'parameters', ratio: 0.6 }, rule: 'layer' },
      ...{ importance, floor: 0, ...options },
    });
  } catch (error) {
    return error as LoraShearError;
  }
  throw new Error('the target was met');
}

const share = (ratio: number): BudgetOptions['target'] => ({ measure: 'parameters', ratio });

t.test('when a target cannot be met, then the rule that binds is named, with the nearest', (t) => {
  const rules: [string, Partial<BudgetOptions>, number][] = [
    ['floor', { floor: 0.5 }, 0.4],
    ['floor', { floor: 0.5, rule: 'global' }, 0.4],
    ['floor', { floor: 0.5, rule: 'kind' }, 0.4],
    [
      'protection',
      { rule: 'global', protected: new Set(groups.slice(0, 4).map((g) => g.id)) },
      0.348,
    ],
    ['rounding', { target: share(0.11), roundChannelsTo: 50 }, 0.1],
    ['heads', { kvHeads: 0 }, 0.396],
    ['heads', { allowKept: (kept) => kept === 4 }, 0.396],
    ['units', { target: share(0.8) }, 0.696],
    ['steps', { target: { measure: 'kvBytes', ratio: 0.3 } }, 0.25],
  ];
  for (const [binding, options, nearest] of rules) {
    const error = refusal(options);
    t.match(error, { code: 'RATIO_UNREACHABLE', facts: { binding: [binding] } }, binding);
    t.ok(Math.abs(Number(error.facts['nearest']) - nearest) < 1e-9, `${binding}: ${error.message}`);
  }
  t.match(refusal({ floor: 0.5 }).message, /the floor \(0\.5 of every group stays\) binds/);
  const both = refusal({ target: share(0.65), floor: 0.2, kvHeads: 0 });
  t.match(both, { facts: { binding: ['floor', 'heads'] }, message: /bind together/ });
  t.end();
});

t.test('when every token goes to so many experts, then they bind', (t) => {
  const experts = layers.map((layer) => ({ ...groupOf('experts', layer, 4, 50), least: 3 }));
  const found = refusal({ target: share(0.6) }, { ...whole, groups: experts });
  t.match(found, { code: 'RATIO_UNREACHABLE', facts: { binding: ['least'], nearest: 0.2 } });
  t.end();
});

t.test('when an engine refuses candidates, then another is taken, or the engine named', (t) => {
  const costs = linearCosts(whole);
  const options = { target: share(0.3), rule: 'layer', floor: 0 } as const;
  const free = allocate(costs, options);
  t.same([free.kvHeads, free.channels], [2, 75]);
  const odd = allocate(costs, {
    ...options,
    accepts: (counts) => ((counts.get('0.attention_heads') ?? 0) % 2 === 1 ? null : 'even heads'),
  });
  t.ok(odd.kvHeads === 1 || odd.kvHeads === 3);
  t.ok(Math.abs(odd.achieved - 0.3) <= 0.005 + 1e-9);
  for (const rule of ['layer', 'global'] as const) {
    const error = refusal({ ...options, rule, accepts: () => 'vllm: no such heads' });
    t.match(error, { code: 'RATIO_UNREACHABLE', message: /vllm: no such heads/ });
    t.same(error.facts['refusals'], ['vllm: no such heads']);
  }
  t.end();
});

const qwen2: RawConfig = {
  ...{ model_type: 'qwen2', hidden_size: 512, intermediate_size: 1536, num_hidden_layers: 3 },
  ...{ num_attention_heads: 8, num_key_value_heads: 8, vocab_size: 64, rms_norm_eps: 1e-6 },
  ...{ max_position_embeddings: 128, tie_word_embeddings: false },
};

t.test('when vLLM or k-quants are asked, then what they would not load is not chosen', (t) => {
  const dir = t.testdir({ 'config.json': JSON.stringify(qwen2) });
  const graph = discoverGraph(dir, null);
  const costs = new Costs(graph, partition(graph), { context: 128, batch: 1, bytes: 2 });
  const options = { target: share(0.3), rule: 'layer' } as const;
  t.ok((allocate(costs, options).kvHeads ?? 8) < 8, 'heads go where nobody is asked');
  const vllm = allocate(costs, { ...options, accepts: engineRule(qwen2, costs, ['vllm']) });
  t.equal(vllm.kvHeads, 8);
  const quants = engineRule(qwen2, costs, ['gguf-k-quants']);
  const rounded = allocate(costs, { ...options, target: share(0.27), accepts: quants });
  t.equal((rounded.channels ?? NaN) % 256, 0);
  t.equal((64 * (rounded.kvHeads ?? NaN)) % 256, 0, 'rows of the output projection');
  t.throws(
    () => allocate(costs, { ...options, kvHeads: 2, accepts: engineRule(qwen2, costs, ['vllm']) }),
    { code: 'RATIO_UNREACHABLE', message: /refused by vllm: head_dim is read/ },
  );
  const cramped = { ...options, target: share(0.1), kvHeads: 0, accepts: quants } as const;
  t.throws(() => allocate(costs, cramped), {
    ...{ code: 'RATIO_UNREACHABLE', message: /refused by gguf-k-quants.*256 of 1536 channels/ },
    facts: { nearest: Number },
  });
  t.throws(() => engineRule(qwen2, costs, ['nobody'])(new Map()), { code: 'CONFIG_INVALID' });
  t.end();
});

t.test('when options cannot be, then CONFIG_INVALID says what', (t) => {
  const wrong: Partial<BudgetOptions>[] = [
    { floor: 1 },
    { floor: NaN },
    { target: share(NaN) },
    { roundChannelsTo: 101 },
    { roundChannelsTo: 1.5 },
    { rule: 'global', importance: undefined },
    { rule: 'kind', importance: new Map([...importance].slice(1)) },
    { rule: 'global', importance: new Map([...importance].map(([id, d]) => [id, d.toReversed()])) },
    { rule: 'global', kvHeads: 1 },
  ];
  for (const options of wrong) t.equal(refusal(options).code, 'CONFIG_INVALID');
  t.end();
});

t.test('when protected groups cannot be spared, then they are reported', (t) => {
  const guarded = new Set(['1.mlp_channels']);
  const options = { target: share(0.3), importance, protected: guarded } as const;
  t.same(allocate(linearCosts(whole), { ...options, rule: 'layer' }).touched, [...guarded]);
  t.same(allocate(linearCosts(whole), { ...options, rule: 'global' }).touched, []);
  t.end();
});

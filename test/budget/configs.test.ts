// Every measure, rule and kind on the configs of real models, traced on meta tensors.
import t from 'tap';
import {
  type Allocation,
  allocate,
  allocationRules,
  ratioTolerance,
} from '../../lib/budget/allocate.js';
import type { Importance } from '../../lib/budget/importance.js';
import type { LoraShearError } from '../../lib/errors.js';
import { type GroupKind, cuttableKinds } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { architectureOf } from '../../lib/models/index.js';
import type { RawConfig } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { discoverGraph } from '../../lib/pipeline/discover.js';
import { countParameters } from '../../lib/pipeline/working_model.js';
import { Costs, type Measure } from '../../lib/plan/costs.js';
import { useOf } from '../../lib/plan/plan.js';
import { cutConfig } from '../../lib/plan/shapes.js';

const llama = { model_type: 'llama', rms_norm_eps: 1e-5, torch_dtype: 'float16' };

const configs: Record<string, { config: RawConfig; kinds: readonly (readonly GroupKind[])[] }> = {
  stories260K: {
    config: {
      ...{ ...llama, hidden_size: 64, intermediate_size: 172, num_hidden_layers: 5 },
      ...{ num_attention_heads: 8, num_key_value_heads: 4, vocab_size: 512 },
      ...{ max_position_embeddings: 512, tie_word_embeddings: true },
    },
    kinds: [['attention_heads', 'mlp_channels'], cuttableKinds],
  },
  'mix-5M': {
    config: {
      ...{ ...llama, hidden_size: 256, intermediate_size: 704, num_hidden_layers: 6 },
      ...{ num_attention_heads: 8, num_key_value_heads: 4, vocab_size: 4096 },
      ...{ max_position_embeddings: 512, tie_word_embeddings: true },
    },
    kinds: [['attention_heads', 'mlp_channels'], cuttableKinds],
  },
  'LLaMA-7B': {
    config: {
      ...{ ...llama, hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32 },
      ...{ num_attention_heads: 32, vocab_size: 32000, max_position_embeddings: 2048 },
    },
    kinds: [['attention_heads', 'mlp_channels']],
  },
  'a short Qwen2-0.5B, whose query heads share keys': {
    config: {
      ...{ model_type: 'qwen2', hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 4 },
      ...{ num_attention_heads: 14, num_key_value_heads: 2, vocab_size: 4000 },
      ...{ rms_norm_eps: 1e-6, max_position_embeddings: 32768, tie_word_embeddings: true },
    },
    kinds: [['attention_heads', 'query_heads', 'mlp_channels', 'residual', 'vocabulary']],
  },
  'a small Mixtral': {
    config: {
      ...{ ...llama, model_type: 'mixtral', hidden_size: 512, intermediate_size: 1792 },
      ...{ num_hidden_layers: 4, num_attention_heads: 16, num_key_value_heads: 8 },
      ...{ vocab_size: 8000, max_position_embeddings: 4096, sliding_window: null },
      ...{ num_local_experts: 8, num_experts_per_tok: 2 },
    },
    kinds: [['attention_heads', 'expert_channels'], cuttableKinds],
  },
};

/** Damage that grows with the square of the share, differently in every group. */
function importanceOf({ partition: { groups } }: Costs): Importance {
  const open = groups.filter(({ prunable }) => prunable);
  return new Map(
    open.map(({ id, units, cost }, i) => {
      const scale = cost * units * (1 + 0.37 * (i % 7));
      return [id, Float64Array.from({ length: units + 1 }, (_, k) => scale * (k / units) ** 2)];
    }),
  );
}

/** Whether shares of the cache of layers alike are a whole number of heads, about. */
function cacheAllows(costs: Costs, ratio: number, alike: boolean): boolean {
  const heads = costs.partition.groups.filter(({ kind }) => kind === 'attention_heads');
  const [{ units } = { units: 1 }] = heads;
  const all = alike ? units : units * heads.length;
  return Math.abs(Math.round(ratio * all) / all - ratio) <= ratioTolerance;
}

for (const [name, { config, kinds }] of Object.entries(configs)) {
  t.test(`when ${name} is cut by 20, 50 and 70 %, then every measure is met`, (t) => {
    const graph = discoverGraph(t.testdir({ 'config.json': JSON.stringify(config) }), null);
    const architecture = architectureOf(config);
    for (const own of kinds) {
      const costs = new Costs(
        graph,
        partition(graph, { kinds: own }),
        useOf(config, architecture.sizes),
      );
      const importance = importanceOf(costs);
      const rules = name === 'LLaMA-7B' ? (['layer', 'global'] as const) : allocationRules;
      for (const rule of rules) {
        for (const measure of ['parameters', 'macs', 'kvBytes', 'memory'] as const) {
          for (const ratio of [0.2, 0.5, 0.7]) {
            // Hundreds of thousands of steps are put in order for each.
            if (name === 'LLaMA-7B' && rule === 'global' && ratio === 0.2) continue;
            meets(costs, importance, { rule, measure, ratio });
          }
        }
      }
    }
    t.end();

    function meets(
      costs: Costs,
      importance: Importance,
      { rule, measure, ratio }: { rule: Allocation['rule']; measure: Measure; ratio: number },
    ): void {
      const what = `${rule} ${measure} ${ratio}`;
      let found: Allocation;
      try {
        found = allocate(costs, { target: { measure, ratio }, rule, importance });
      } catch (error) {
        const { message, facts, code } = error as LoraShearError;
        t.equal(code, 'RATIO_UNREACHABLE', message);
        const coarse = measure === 'kvBytes' && !cacheAllows(costs, ratio, rule === 'layer');
        const full =
          measure !== 'parameters' &&
          String(facts['binding']) === 'units' &&
          Number(facts['nearest']) < ratio;
        t.ok(coarse || full, `${what}: ${message}`);
        return;
      }
      const { counts, achieved, after } = found;
      t.ok(Math.abs(achieved - ratio) <= ratioTolerance + 1e-9, `${what}: ${achieved}`);
      t.same(costs.after(counts), after);
      t.ok([...counts.values()].every((count) => Number.isInteger(count) && count >= 0));
      const cut = cutConfig(architecture, config, costs.partition, counts);
      if (measure !== 'parameters') return;
      using built = architecture.build(cut, metaWeights());
      t.equal(countParameters(built), after.parameters, what);
    }
  });
}

// From a model on meta tensors to its checked node groups, beside Torch-Pruning; and whether time is linear in depth.
import { partition } from '../../lib/groups/partition.js';
import { verifyPartition } from '../../lib/groups/verify.js';
import { attachLora } from '../../lib/lora/lora.js';
import { architectureOf } from '../../lib/models/index.js';
import type { Model } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { trace as record } from '../../lib/trace/trace.js';
import { type LlamaModelShape, llamaConfigOf } from '../llama_folder.js';
import { llama7b } from '../sliced_matrices.js';
import {
  type Budget,
  type Case,
  type Measurement,
  type Suite,
  type Target,
  alsoAtMost,
  ratioTo,
} from '../suite.js';

const shapes = {
  'LLaMA-7B': { ...llama7b, vocabulary: 32000 },
  'LLaMA-70B': {
    ...{ hidden: 8192, layers: 80, heads: 64, kvHeads: 8, intermediate: 28672, vocabulary: 128256 },
  },
  'LLaMA-405B': {
    ...{ hidden: 16384, layers: 126, heads: 128, kvHeads: 8, intermediate: 53248 },
    vocabulary: 128256,
  },
} as const satisfies Record<string, LlamaModelShape>;

function build(shape: LlamaModelShape, rank: number): Model {
  const config = llamaConfigOf(shape);
  const model = architectureOf(config).build(config, metaWeights());
  if (rank > 0) attachLora(model, { r: rank, alpha: 16, seed: 0 });
  return model;
}

function discover(model: Model): void {
  const graph = record(model);
  verifyPartition(partition(graph), graph);
}

const secondsOf = (model: Model): number => {
  const start = process.hrtime.bigint();
  discover(model);
  return Number(process.hrtime.bigint() - start) / 1e9;
};

/** V8 compiles as it runs; what the first call takes is reported beside the rest. */
const warmUps = 8;

/** Calls of which the fastest counts when depths are compared: what else the machine does is no part of growth. */
const tries = 3;
const fastest = (model: Model): number =>
  Math.min(...Array.from({ length: tries }, () => secondsOf(model)));

function traceCase(
  name: keyof typeof shapes,
  { rank = 0, peers = [], targets }: { rank?: number; peers?: string[]; targets: Target[] },
): Case {
  const shape = shapes[name];
  const grouped = shape.kvHeads < shape.heads ? ', grouped heads' : '';
  return {
    name: `${name}, ${shape.layers} layers${grouped}${rank > 0 ? `, LoRA r = ${rank}` : ''}`,
    ...{ unit: 's', peers, parameters: { ...shape }, targets },
    prepare() {
      const model = build(shape, rank);
      const quarter = build({ ...shape, layers: Math.ceil(shape.layers / 4) }, rank);
      const times = shape.layers / Math.ceil(shape.layers / 4);
      const atFirst = process.memoryUsage.rss();
      const firstSeconds = secondsOf(model);
      const firstMiB = (process.memoryUsage.rss() - atFirst) / 2 ** 20;
      for (let i = 0; i < warmUps; i++) [model, quarter].forEach(discover);
      const before = process.memoryUsage.rss();
      return {
        measure({ seconds, calls }: Budget): Measurement {
          const values: number[] = [];
          let rssGrowthMiB = 0;
          const end = performance.now() + 1000 * seconds;
          do {
            values.push(secondsOf(model));
            rssGrowthMiB = Math.max(rssGrowthMiB, (process.memoryUsage.rss() - before) / 2 ** 20);
          } while (values.length < calls && performance.now() < end);
          const growth = fastest(model) / fastest(quarter) / times;
          return { values, also: { rssGrowthMiB, growth, firstSeconds, firstMiB } };
        },
        dispose() {
          model.dispose();
          quarter.dispose();
        },
      };
    },
  };
}

const linear = alsoAtMost(
  'growth',
  1.5,
  'a layer costs ≤ 1.5 × what it costs at a quarter of the depth',
);

export const trace: Suite = {
  name: 'trace',
  what: 'trace and partition at the shapes of LLaMA-7B, 70B and 405B, beside Torch-Pruning',
  quick: true,
  threaded: false,
  cases: () => [
    traceCase('LLaMA-7B', {
      peers: ['torch_pruning'],
      targets: [
        ratioTo('torch_pruning', 0.02),
        alsoAtMost('rssGrowthMiB', 20, 'RSS grows < 20 MiB'),
        linear,
      ],
    }),
    traceCase('LLaMA-7B', { rank: 8, targets: [linear] }),
    traceCase('LLaMA-70B', { targets: [linear] }),
    traceCase('LLaMA-405B', { targets: [linear] }),
  ],
};

// From a config to the removable structures, on meta tensors: build, trace at two lengths, partition.
import type { Partition } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { architectureOf } from '../../lib/models/index.js';
import type { RawConfig } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { trace } from '../../lib/trace/trace.js';
import {
  type Case,
  type Measurement,
  type Suite,
  alsoAtMost,
  fasterThan,
  valueAtMost,
} from '../suite.js';
import { timed } from '../timed.js';

interface Shape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly intermediate: number;
}

const llama7b: Shape = { layers: 32, hidden: 4096, heads: 32, kvHeads: 32, intermediate: 11008 };
const llama70b: Shape = { layers: 80, hidden: 8192, heads: 64, kvHeads: 8, intermediate: 28672 };
const llama405b: Shape = {
  layers: 126,
  hidden: 16384,
  heads: 128,
  kvHeads: 8,
  intermediate: 53248,
};

function configOf({ layers, hidden, heads, kvHeads, intermediate }: Shape): RawConfig {
  return {
    ...{ model_type: 'llama', hidden_size: hidden, intermediate_size: intermediate },
    ...{ num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads },
    ...{ vocab_size: 32_000, max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
  };
}

function discover(shape: Shape): Partition {
  const config = configOf(shape);
  using model = architectureOf(config).build(config, metaWeights());
  return partition(trace(model));
}

/** Seconds a layer of a model four times as deep, as a share of this one's: 1 where time is linear in depth. */
function growth(shape: Shape): number {
  const seconds = (layers: number): number => {
    const times = Array.from({ length: 5 }, () => {
      const start = process.hrtime.bigint();
      discover({ ...shape, layers });
      return Number(process.hrtime.bigint() - start);
    });
    return Math.min(...times); // the machine's other work only adds
  };
  return seconds(4 * shape.layers) / (4 * seconds(shape.layers));
}

function caseOf(name: string, shape: Shape, rest: Pick<Case, 'peers' | 'targets'>): Case {
  return {
    ...{ name, unit: 's', parameters: { ...shape, vocabulary: 32_000, length: 16 } },
    ...rest,
    prepare() {
      discover({ ...shape, layers: 2 }); // what every process loads once is not of the model
      const before = process.memoryUsage.rss();
      discover(shape);
      const addedMiB = (process.memoryUsage.rss() - before) / 2 ** 20;
      const timing = timed({ call: () => void discover(shape) });
      let grown: number | undefined;
      return {
        measure(budget): Measurement {
          grown ??= growth(shape);
          return { ...timing(budget), also: { addedMiB, growth: grown } };
        },
      };
    },
  };
}

const linear = alsoAtMost('growth', 1.3, 'four times the layers: ≤ 1.3 × the time a layer');

export const traceSuite: Suite = {
  name: 'trace',
  what: 'trace and partition of LLaMA shapes on meta, beside Torch-Pruning',
  quick: true,
  threaded: false,
  cases: () => [
    caseOf('LLaMA-7B, 32 layers, multi-head', llama7b, {
      peers: ['torch_pruning'],
      targets: [
        fasterThan('torch_pruning', 50),
        valueAtMost(0.05, '≤ 50 ms'),
        alsoAtMost('addedMiB', 20, 'RSS grows < 20 MiB'),
        linear,
      ],
    }),
    // Torch-Pruning does not return on grouped heads (VainF/Torch-Pruning#527).
    caseOf('LLaMA-70B, 80 layers, grouped heads', llama70b, { peers: [], targets: [linear] }),
    caseOf('LLaMA-405B, 126 layers, grouped heads', llama405b, { peers: [], targets: [linear] }),
  ],
};

import t from 'tap';
import { discoverGraph, discoverGroups, summarise } from '../../lib/pipeline/discover.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { inFolder } from '../fixtures/lhspg_run.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';

t.test(
  'when a folder is discovered, then its groups are those written by hand, LoRA included, and no weight is read',
  (t) => {
    inFolder((dir) => {
      const shape = { heads: 8, kvHeads: 4, biases: true };
      writeModelFolder(dir, shape);
      const before = tensorCount();
      const graph = discoverGraph(dir, { r: 2, alpha: 4 });
      const { groups, parameters } = discoverGroups(graph);
      t.equal(tensorCount(), before);
      const model = randomLlama({ ...shape, rank: 2 });
      const hand = handPartition(model);
      t.equal(parameters, hand.parameters);
      const plain = (list: typeof groups): unknown =>
        list
          .filter(({ prunable }) => prunable)
          .map(({ id, kind, units, cost, slices }) => ({
            ...{ id, kind, units, cost },
            slices: slices.map((s) => JSON.stringify(s, Object.keys(s).sort())).sort(),
          }))
          .sort((a, b) => a.id.localeCompare(b.id));
      t.strictSame(plain(groups), plain(hand.groups));
      t.strictSame(summarise(graph, 5, 1.5), {
        ...{ nodes: graph.nodes.length, values: graph.values.length, parameters: 5, seconds: 1.5 },
      });
      model.dispose();
    });
    t.end();
  },
);

import t from 'tap';
import { partition } from '../../../lib/groups/partition.js';
import { Costs } from '../../../lib/plan/costs.js';
import { drawGraph } from '../../../lib/plan/drawing/svg.js';
import { groupRows } from '../../../lib/plan/rows.js';
import { symbolicLlama } from '../../groups/symbolic_llama.js';

t.test(
  'when a model is drawn, then one layer, its folds, a legend and both colour schemes are there',
  async (t) => {
    const graph = symbolicLlama({ rank: 0, layers: 3, tied: true });
    const groups = partition(graph);
    const rows = groupRows(new Costs(graph, groups, { context: 8, batch: 1, bytes: 4 }));
    const svg = await drawGraph(graph, groups, rows, 'a <tiny> & tied model');
    t.match(svg, /^<svg [^>]*viewBox="0 0 [\d.]+ [\d.]+"/);
    for (const text of [
      'q_proj',
      'layers 1–2: as layer 0',
      'layers.*.mlp.channels: 10 units',
      'logits',
    ]) {
      t.ok(svg.includes(text), text);
    }
    t.match(svg, /a &lt;tiny&gt; &amp; tied model/);
    t.match(svg, /prefers-color-scheme: dark/);
    t.equal(svg.match(/<svg/g)?.length, 1);
  },
);

import t from 'tap';
import { ggufQuants } from '../../../lib/plan/engines/gguf_quants.js';
import { candidate } from './candidates.js';

const judge = (...rows: [name: string, row: number, rows: number][]) =>
  ggufQuants(
    candidate(
      {},
      rows.map(([name, row, n]) => ({ name, row, rows: n })),
    ),
  );

t.test('when every row is a multiple of 256, then all tensors are k-quants', (t) => {
  t.ok(judge(['model.layers.0.mlp.down_proj.weight', 7680, 4096]).loads);
  t.end();
});

t.test('when rows are not, then the tensors that fall back are named with their share', (t) => {
  const { loads, rules } = judge(
    ['model.layers.0.mlp.down_proj.weight', 7552, 100],
    ['model.layers.1.mlp.down_proj.weight', 7552, 100],
    ['model.layers.0.self_attn.o_proj.weight', 100, 100],
    ['lm_head.weight', 256, 100],
  );
  t.notOk(loads);
  t.match(rules, [
    { ok: false, detail: 'rows of 7552 (mlp.down_proj): 97.7 % of the weights' },
    { ok: false, detail: /^rows of 100 \(self_attn\.o_proj\)/ },
  ]);
  t.end();
});

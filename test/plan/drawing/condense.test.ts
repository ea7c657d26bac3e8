import t from 'tap';
import { condense } from '../../../lib/plan/drawing/condense.js';
import { symbolicLlama } from '../../groups/symbolic_llama.js';

const drawing = condense(symbolicLlama({ rank: 0, layers: 4 }));

t.test(
  'when a LLaMA is condensed, then a layer is its norms, products, attention and sums',
  (t) => {
    const ops = drawing.nodes
      .filter(({ layer }) => layer === 0)
      .map(({ op, module }) => `${module.split('.').at(-1) ?? ''} ${op.replace(/^aten::/, '')}`);
    t.match(ops, [
      /^input_layernorm/,
      /^q_proj/,
      /^k_proj/,
      /^v_proj/,
      /scaled_dot_product_attention/,
      /^o_proj/,
      /add/,
      /^post_attention_layernorm/,
      /^gate_proj/,
      /^up_proj/,
      /silu|mul/,
    ]);
    t.notOk(ops.some((op) => /transpose|view|slice|neg|cat/.test(op)));
    t.end();
  },
);

t.test('when layers are alike, then all but the first are folded', (t) => {
  t.same(drawing.folds, [{ first: 1, last: 3, like: 0 }]);
  t.end();
});

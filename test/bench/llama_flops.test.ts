import t from 'tap';
import { forwardFlops, loraStepFlops } from '../../bench/llama_flops.js';
import { defaultModel } from '../../bench/sliced_matrices.js';

const tiny = { hidden: 4, layers: 1, heads: 2, kvHeads: 1, intermediate: 6, vocabulary: 10 };

t.test('when products are counted by hand, then they are the same', (t) => {
  // q 4×4, k and v 2×4, o 4×4, gate, up and down 6×4, head 10×4: 160 weights, 3 tokens, 2 operations each.
  const linear = 2 * 3 * (16 + 8 + 8 + 16 + 3 * 24 + 40);
  // Scores and sums of 4 wide rows over half of the 3 × 3 pairs.
  const attention = 2 * 2 * 4 * (9 / 2);
  t.equal(forwardFlops(tiny, 1, 3), linear + attention);
  // LoRA of rank 1: q and o 4 + 4, k and v 4 + 2, gate, up and down 4 + 6.
  const lora = 2 * 3 * (2 * 8 + 2 * 6 + 3 * 10);
  const untold = 2 * 3 * (16 + 8 + 8);
  t.equal(loraStepFlops(tiny, 1, 3, 1), 2 * linear + 3 * attention - untold + 3 * lora);
  t.end();
});

t.test('when the default model takes a step, then its work is what others counted', (t) => {
  // 123.4 GFLOP with the first layer's gradients and attention's recomputation.
  const step = loraStepFlops({ ...defaultModel, vocabulary: 8192 }, 4, 256, 8) / 1e9;
  t.ok(step > 119 && step < 123.4, String(step));
  t.end();
});

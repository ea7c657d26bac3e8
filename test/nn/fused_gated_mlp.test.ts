import { FusedGatedMlp } from '../../lib/nn/fused_gated_mlp.js';
import { GatedMlp } from '../../lib/nn/gated_mlp.js';
import { cat, relu } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers, randomWeights } from '../fixtures/random_llama.js';

test('when rows are [gate; up], then the feed-forward is that of the two apart', (t) => {
  for (const activation of [undefined, relu]) {
    const shape = { width: 3, channels: 4, bias: true, ...(activation && { activation }) };
    const apart = new GatedMlp(randomWeights(2), shape);
    const given = new Map(apart.parameters());
    const asked: string[] = [];
    const fused = new FusedGatedMlp((name) => {
      asked.push(name);
      const [path, part] = name.split('.');
      if (path === 'down_proj') return given.get(name)!;
      return cat([given.get(`gate_proj.${part}`)!, given.get(`up_proj.${part}`)!], 0);
    }, shape);
    t.strictSame(asked, [
      'gate_up_proj.weight',
      'gate_up_proj.bias',
      'down_proj.weight',
      'down_proj.bias',
    ]);
    const x = floatTensor(randomNumbers(7, 2 * 5 * 3), [2, 5, 3]);
    t.ok(distance(fused.forward(x).toArray(), apart.forward(x).toArray()) < 1e-6);
    apart.dispose();
  }
});

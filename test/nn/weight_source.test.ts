import t from 'tap';
import { type WeightSource, below, metaWeights } from '../../lib/nn/weight_source.js';
import { scoped, tensorBytes } from '../../lib/tensor/scope.js';

t.test('when weights are weightless, then they have shapes, no bytes, and outlive scopes', (t) => {
  const bytes = tensorBytes();
  const weight = scoped(() => [metaWeights('bfloat16')('any', [1e6, 1e6])])[0]!;
  t.same([weight.shape, weight.dtype, weight.device], [[1e6, 1e6], 'bfloat16', 'meta']);
  t.equal(tensorBytes(), bytes);
  weight.dispose();
  t.end();
});

t.test('when a source is asked below a prefix, then the names have it', (t) => {
  const asked: string[] = [];
  const source: WeightSource = (name, shape) => {
    asked.push(`${name}:${shape.join()}`);
    return undefined as never;
  };
  below(below(source, 'model'), 'layers.0')('weight', [2, 3]);
  t.same(asked, ['model.layers.0.weight:2,3']);
  t.end();
});

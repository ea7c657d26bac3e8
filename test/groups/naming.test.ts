import t from 'tap';
import { Naming } from '../../lib/groups/naming.js';

const names = [
  'model.embed.weight',
  'model.layers.0.q.weight',
  'model.layers.0.v.weight',
  'head.weight',
];

t.test(
  'when parameters share a module, then the group is called after it, without the common root',
  (t) => {
    const naming = new Naming(names);
    t.equal(
      naming.idOf(['model.layers.0.q.weight', 'model.layers.0.v.weight'], 'heads'),
      'layers.0.heads',
    );
    t.equal(naming.idOf(['model.layers.0.q.weight'], 'heads'), 'layers.0.q.heads');
    t.equal(naming.idOf(['model.embed.weight', 'head.weight'], 'vocabulary'), 'vocabulary');
    t.equal(naming.layerOf(['model.layers.0.q.weight', 'model.layers.0.v.weight']), 0);
    t.equal(naming.layerOf(['model.embed.weight', 'model.layers.0.v.weight']), null);
    t.end();
  },
);

t.test('when a name is taken, then the next gets a number', (t) => {
  const naming = new Naming(names);
  const ids = [1, 2, 3].map(() => naming.idOf(['model.layers.0.q.weight'], 'width'));
  t.strictSame(ids, ['layers.0.q.width', 'layers.0.q.width_2', 'layers.0.q.width_3']);
  t.end();
});

t.test('when a model has no layers, then groups are called by their labels', (t) => {
  t.equal(
    new Naming(['a.weight', 'b.weight']).idOf(['a.weight', 'b.weight'], 'residual'),
    'residual',
  );
  t.end();
});

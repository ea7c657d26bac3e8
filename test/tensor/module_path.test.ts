import t from 'tap';
import { insideModule, modulePath } from '../../lib/tensor/module_path.js';

t.test('when modules nest, then the path has their names, also after a throw', (t) => {
  t.equal(modulePath(), '');
  const inside = insideModule('model', () => insideModule('layers.0', () => modulePath()));
  t.equal(inside, 'model.layers.0');
  t.throws(() =>
    insideModule('model', () => {
      throw new Error('within');
    }),
  );
  t.equal(modulePath(), '');
  t.end();
});

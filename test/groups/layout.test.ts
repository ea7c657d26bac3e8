import t from 'tap';
import { Atoms } from '../../lib/graph/atoms.js';
import type { Mark } from '../../lib/graph/rule.js';
import { layoutOf } from '../../lib/groups/layout.js';

t.test(
  'when a class lies inside unequal parts of each head, then every head is a block of its own',
  (t) => {
    const atoms = new Atoms<Mark>('misfit');
    const [heads, part, rest] = [atoms.fresh(2), atoms.fresh(3), atoms.fresh(1)];
    const head = atoms.concat([part, rest]);
    const blocks = layoutOf(atoms, [...heads, ...head]);
    const own = blocks.filter(({ atom }) => atom === atoms.find(part[0]!));
    t.strictSame(
      own.map(({ offset, outer, inner }) => [offset, outer, inner]),
      [
        [0, 1, 1],
        [4, 1, 1],
      ],
    );
    t.end();
  },
);

t.test('when loops and equal parts tile a dimension, then it is one block', (t) => {
  const atoms = new Atoms<Mark>('misfit');
  const half = atoms.fresh(4);
  const head = atoms.concat([half, half]);
  const [block, ...others] = layoutOf(atoms, [...atoms.fresh(3), ...head]).filter(
    ({ atom }) => atom === atoms.find(half[0]!),
  );
  t.match(block, { offset: 0, outer: 6, inner: 1 });
  t.strictSame(others, []);
  t.end();
});

import t from 'tap';
import { schemaArguments } from '../../lib/trace/schema.js';

t.test('when a schema has defaults of every kind, then names, tensors and values are read', (t) => {
  const found = schemaArguments(
    "x::y(Tensor self, Tensor(a!) out, Tensor? mask=None, Tensor[] xs, int[2] stride=[1, 2], float p=0., *, bool causal=False, str mode='mean', Scalar alpha=1, int[1]? dim=None) -> (Tensor, Tensor)",
  );
  t.strictSame(
    found.map(({ name, tensor, mutated, fallback }) => [name, tensor, mutated, fallback]),
    [
      ['self', true, false, null],
      ['out', true, true, null],
      ['mask', true, false, null],
      ['xs', true, false, null],
      ['stride', false, false, [1, 2]],
      ['p', false, false, 0],
      ['causal', false, false, false],
      ['mode', false, false, 'mean'],
      ['alpha', false, false, 1],
      ['dim', false, false, null],
    ],
  );
  t.end();
});

t.test('when a view shares memory, then that is no write', (t) => {
  const [self] = schemaArguments('aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)');
  t.equal(self?.mutated, false);
  const [list] = schemaArguments('aten::_foreach_add_(Tensor(a!)[] self) -> ()');
  t.equal(list?.mutated, true);
  t.end();
});

t.test(
  'when there are no arguments, then the list is empty; a text that is no schema is refused',
  (t) => {
    t.strictSame(schemaArguments('aten::nothing() -> Tensor'), []);
    t.throws(() => schemaArguments('aten::nothing'), { code: 'GRAPH_INVALID' });
    t.end();
  },
);

import t from 'tap';
import type { Handle } from '../../lib/native/binding.js';
import type { Argument } from '../../lib/tensor/op.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { GraphRecorder } from '../../lib/trace/recorder.js';

/** A tensor that is a handle and a shape, without the addon. */
class Outline extends Tensor {
  constructor(
    handle: number,
    readonly outline: readonly number[],
  ) {
    super(handle as Handle);
  }
  override get shape(): readonly number[] {
    return this.outline;
  }
}

const linear = 'aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor';
const attention =
  'aten::attend(Tensor query, Tensor? mask=None, float p=0.0, *, bool causal=False) -> Tensor';

function call(schema: string, args: Argument[], result: Tensor, module = 'm') {
  return { op: schema.slice(0, schema.indexOf('(')), schema, args, results: [result], module };
}

t.test(
  'when operators run, then arguments are named, defaults filled in and absent tensors left out',
  (t) => {
    const [x, w, y, z] = [
      [2, 3],
      [4, 3],
      [2, 4],
      [2, 4],
    ].map((shape, i) => new Outline(i + 1, shape));
    const recorder = new GraphRecorder([['w', w!]], [x!]);
    recorder.record(call(linear, [x!, w!], y!));
    recorder.record(call(attention, [y!, null, 0.5], z!, 'm.inner'));
    recorder.finish(z!);
    t.strictSame(recorder.graph().toJSON(), {
      values: [
        { id: 0, shape: [4, 3], kind: 'parameter', name: 'w', producer: null },
        { id: 1, shape: [2, 3], kind: 'input', producer: null },
        { id: 2, shape: [2, 4], kind: 'intermediate', producer: 0 },
        { id: 3, shape: [2, 4], kind: 'intermediate', producer: 1 },
      ],
      nodes: [
        {
          op: 'aten::linear',
          module: 'm',
          inputs: [
            { name: 'input', value: 1 },
            { name: 'weight', value: 0 },
          ],
          attrs: {},
          outputs: [2],
        },
        {
          op: 'aten::attend',
          module: 'm.inner',
          inputs: [{ name: 'query', value: 2 }],
          attrs: { p: 0.5, causal: false },
          outputs: [3],
        },
      ],
      outputs: [3],
    });
    t.end();
  },
);

t.test('when one tensor has two names, then it is one parameter with an alias', (t) => {
  const w = new Outline(1, [4, 3]);
  const recorder = new GraphRecorder(
    [
      ['embed', w],
      ['head', w],
    ],
    [],
  );
  t.match(recorder.graph().values, [{ name: 'embed', aliases: ['head'] }]);
  t.equal(recorder.graph().values.length, 1);
  t.end();
});

t.test('when a table is made and read, then how is not recorded', (t) => {
  const [table, shifted, x, y] = [1, 2, 3, 4].map((handle) => new Outline(handle, [3]));
  const recorder = new GraphRecorder([], [x!]);
  const add = 'aten::add(Tensor self, Tensor other) -> Tensor';
  recorder.record(call(add, [table!, table!], shifted!));
  recorder.record(call(add, [x!, shifted!], y!));
  const { nodes, values } = recorder.graph();
  t.equal(nodes.length, 1);
  t.strictSame(
    values.map(({ kind }) => kind),
    ['input', 'constant', 'intermediate'],
  );
  t.end();
});

t.test('when an operator writes to a recorded value, then it is refused with its module', (t) => {
  const x = new Outline(1, [3]);
  const recorder = new GraphRecorder([], [x]);
  const write = 'aten::relu_(Tensor(a!) self) -> Tensor(a!)';
  t.throws(() => recorder.record(call(write, [x], new Outline(2, [3]), 'layers.1.mlp')), {
    code: 'GRAPH_INPLACE',
    facts: { op: 'aten::relu_', module: 'layers.1.mlp' },
  });
  t.throws(() => recorder.finish(new Outline(9, [3])), { code: 'GRAPH_INVALID' });
  t.end();
});

import t from 'tap';
import { Module } from '../../lib/nn/module.js';
import { modulePath } from '../../lib/tensor/module_path.js';
import { zeros } from '../../lib/tensor/ops.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';

class Leaf extends Module {
  readonly weight: Tensor;
  constructor(weight: Tensor) {
    super();
    this.weight = this.own('weight', weight);
  }
  where(): string {
    return modulePath();
  }
  forget(): void {
    this.disown('weight');
  }
}

class Parent extends Module {
  readonly own1: Tensor;
  readonly a: Leaf;
  readonly b: Leaf;
  constructor(shared: Tensor) {
    super();
    this.own1 = this.own('scale', zeros([1]));
    this.a = this.child('layers.0', new Leaf(shared));
    this.b = this.child('head', new Leaf(shared));
  }
  where(): string {
    return this.in('layers.0', () => this.a.where());
  }
}

t.test('when parts are registered, then parameters and modules have dotted names in order', (t) => {
  const parent = new Parent(zeros([2]));
  t.same(
    [...parent.parameters('model.')].map(([name]) => name),
    ['model.scale', 'model.layers.0.weight', 'model.head.weight'],
  );
  t.same(
    [...parent.modules()],
    [
      ['', parent],
      ['layers.0', parent.a],
      ['head', parent.b],
    ],
  );
  t.same(
    [...parent.modules('model')].map(([name]) => name),
    ['model', 'model.layers.0', 'model.head'],
  );
  t.equal(parent.where(), 'layers.0');
  parent.dispose();
  t.end();
});

t.test('when it is disposed, then every parameter once, though two parts share one', (t) => {
  const before = tensorCount();
  {
    using parent = new Parent(zeros([2]));
    t.equal(tensorCount(), before + 2);
    t.equal(parent.a.weight, parent.b.weight);
  }
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a tensor is given up, then it is not disposed', (t) => {
  const weight = zeros([1]);
  const leaf = new Leaf(weight);
  leaf.forget();
  leaf.dispose();
  t.equal(weight.alive, true);
  weight.dispose();
  t.end();
});

t.test(
  'when a module is asked for its device, then it is that of its first parameter, below it if need be',
  (t) => {
    class Box extends Module {
      constructor(weight?: Tensor) {
        super();
        if (weight) this.child('leaf', new Leaf(weight));
      }
    }
    using weight = zeros([2], 'float32', 'meta');
    t.equal(new Box(weight).device, 'meta');
    t.equal(new Box().device, 'cpu', 'without a parameter, the CPU');
    t.end();
  },
);

// Builds graphs operator by operator from shapes alone, so that rules are tested without the addon.
import { type Graph, type Node, type Value, createGraph } from '../../lib/graph/graph.js';

type Attrs = Record<string, unknown>;
export type Input = readonly [name: string, value: number];

/** Every method returns the id of the value it makes. */
export class Symbolic {
  readonly values: Value[] = [];
  readonly nodes: Node[] = [];
  module = '';

  #value(value: Omit<Value, 'id'>): number {
    return this.values.push({ id: this.values.length, ...value }) - 1;
  }

  shape(value: number): readonly number[] {
    const found = this.values[value];
    if (!found) throw new Error(`no value ${value}`);
    return found.shape;
  }

  parameter(name: string, ...shape: number[]): number {
    return this.#value({ kind: 'parameter', name, shape, producer: null });
  }

  input(...shape: number[]): number {
    return this.#value({ kind: 'input', shape, producer: null });
  }

  constant(...shape: number[]): number {
    return this.#value({ kind: 'constant', shape, producer: null });
  }

  /** Any operator, with the shapes of its results. */
  call(
    op: string,
    inputs: readonly Input[],
    attrs: Attrs,
    ...shapes: (readonly number[])[]
  ): number[] {
    const producer = this.nodes.length;
    const outputs = shapes.map((shape) => this.#value({ kind: 'intermediate', shape, producer }));
    this.nodes.push({
      op: `aten::${op}`,
      module: this.module,
      inputs: inputs.map(([name, value]) => ({ name, value })),
      attrs,
      outputs,
    });
    return outputs;
  }

  one(op: string, inputs: readonly Input[], attrs: Attrs, shape: readonly number[]): number {
    return this.call(op, inputs, attrs, shape)[0]!;
  }

  linear(x: number, weight: number, bias?: number): number {
    const inputs: Input[] = [
      ['input', x],
      ['weight', weight],
    ];
    if (bias !== undefined) inputs.push(['bias', bias]);
    return this.one('linear', inputs, {}, [...this.shape(x).slice(0, -1), this.shape(weight)[0]!]);
  }

  view(x: number, ...shape: number[]): number {
    return this.one('view', [['self', x]], { size: shape }, shape);
  }

  transpose(x: number, dim0: number, dim1: number): number {
    const shape = [...this.shape(x)];
    [shape[dim0], shape[dim1]] = [shape[dim1]!, shape[dim0]!];
    return this.one('transpose.int', [['self', x]], { dim0, dim1 }, shape);
  }

  slice(x: number, dim: number, start: number, end: number): number {
    const shape = this.shape(x).with(dim, end - start);
    return this.one('slice.Tensor', [['self', x]], { dim, start, end, step: 1 }, shape);
  }

  cat(xs: readonly number[], dim: number): number {
    const total = xs.reduce((sum, x) => sum + this.shape(x).at(dim)!, 0);
    const inputs = xs.map((x): Input => ['tensors', x]);
    return this.one('cat', inputs, { dim }, this.shape(xs[0]!).with(dim, total));
  }

  unary(op: string, x: number, attrs: Attrs = {}): number {
    return this.one(op, [['self', x]], attrs, this.shape(x));
  }

  binary(op: string, a: number, b: number): number {
    const [x, y] = [this.shape(a), this.shape(b)];
    const rank = Math.max(x.length, y.length);
    const shape = Array.from({ length: rank }, (_, d) =>
      Math.max(x[d - rank + x.length] ?? 1, y[d - rank + y.length] ?? 1),
    );
    const inputs: Input[] = [
      ['self', a],
      ['other', b],
    ];
    return this.one(op, inputs, {}, shape);
  }

  add(a: number, b: number): number {
    return this.binary('add.Tensor', a, b);
  }

  mul(a: number, b: number): number {
    return this.binary('mul.Tensor', a, b);
  }

  rmsNorm(x: number, weight: number): number {
    const inputs: Input[] = [
      ['input', x],
      ['weight', weight],
    ];
    return this.one('rms_norm', inputs, { normalized_shape: this.shape(weight) }, this.shape(x));
  }

  embedding(weight: number, indices: number): number {
    const inputs: Input[] = [
      ['weight', weight],
      ['indices', indices],
    ];
    return this.one('embedding', inputs, {}, [...this.shape(indices), this.shape(weight)[1]!]);
  }

  attention(query: number, key: number, value: number): number {
    const inputs: Input[] = [
      ['query', query],
      ['key', key],
      ['value', value],
    ];
    const shape = this.shape(query).with(-1, this.shape(value).at(-1)!);
    const grouped = this.shape(query).at(-3) !== this.shape(key).at(-3);
    return this.one('scaled_dot_product_attention', inputs, { enable_gqa: grouped }, shape);
  }

  finish(...outputs: number[]): Graph {
    return createGraph({ nodes: this.nodes, values: this.values, outputs });
  }
}

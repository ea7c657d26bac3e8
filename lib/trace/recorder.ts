// Turns the operators of one forward pass into a graph; identity is by tensor handle (design §3.7).
import { LoraShearError } from '../errors.js';
import { type Graph, type Node, type Value, type ValueRef, createGraph } from '../graph/graph.js';
import type { Argument, OpRecord, Recorder } from '../tensor/op.js';
import { Tensor } from '../tensor/tensor.js';
import { schemaArguments } from './schema.js';

export class GraphRecorder implements Recorder {
  readonly #ids = new Map<number, number>();
  readonly #values: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #outputs: number[] = [];

  /** @param parameters registered tensors; a tensor with several names is one tied parameter */
  constructor(
    parameters: Iterable<readonly [name: string, tensor: Tensor]>,
    inputs: readonly Tensor[],
  ) {
    const named = new Map<number, { tensor: Tensor; names: string[] }>();
    for (const [name, tensor] of parameters) {
      const known = named.get(tensor.handle);
      if (known) known.names.push(name);
      else named.set(tensor.handle, { tensor, names: [name] });
    }
    for (const { tensor, names } of named.values()) {
      const [name = '', ...aliases] = names;
      const tied = aliases.length > 0 ? { aliases } : {};
      this.#add(tensor, { kind: 'parameter', name, ...tied, producer: null });
    }
    for (const input of inputs) this.#add(input, { kind: 'input', producer: null });
  }

  record({ op, schema, args, results, module }: OpRecord): void {
    const tensors = args.flat().filter((arg) => arg instanceof Tensor);
    // What needs neither parameters nor tokens is a table; whether it is made now or earlier says nothing.
    if (tensors.every((tensor) => this.#isTable(tensor))) return;

    const inputs: ValueRef[] = [];
    const attrs: Record<string, unknown> = {};
    schemaArguments(schema).forEach(({ name, tensor, mutated, fallback }, i) => {
      if (mutated) throw inPlace(op, module);
      const given = i < args.length ? (args[i] ?? null) : fallback;
      if (!tensor) attrs[name] = plain(given as Argument);
      else {
        for (const item of Array.isArray(given) ? (given as unknown[]) : [given]) {
          if (item instanceof Tensor) inputs.push({ name, value: this.#id(item) });
        }
      }
    });
    const producer = this.#nodes.length;
    const outputs = results.map((result) => this.#add(result, { kind: 'intermediate', producer }));
    this.#nodes.push({ op, module, inputs, attrs, outputs });
  }

  /**
   * Says which tensor the forward pass returned.
   * @throws GRAPH_INVALID when no recorded operator made it
   */
  finish(output: Tensor): void {
    const id = this.#ids.get(output.handle);
    if (id === undefined) {
      throw new LoraShearError(
        'GRAPH_INVALID',
        'the forward pass returned a tensor that no operator made',
        {
          hint: 'forward must compute its result from the tokens it is given',
        },
      );
    }
    this.#outputs.push(id);
  }

  /** What was recorded. */
  graph(): Graph {
    return createGraph({ nodes: this.#nodes, values: this.#values, outputs: this.#outputs });
  }

  #isTable({ handle }: Tensor): boolean {
    const id = this.#ids.get(handle);
    return id === undefined || this.#values[id]?.kind === 'constant';
  }

  /** A tensor that no recorded operator made is a table. */
  #id(tensor: Tensor): number {
    return this.#ids.get(tensor.handle) ?? this.#add(tensor, { kind: 'constant', producer: null });
  }

  #add(tensor: Tensor, value: Omit<Value, 'id' | 'shape'>): number {
    const id = this.#values.length;
    this.#values.push({ id, shape: [...tensor.shape], ...value });
    this.#ids.set(tensor.handle, id);
    return id;
  }
}

function plain(value: Argument): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value) : (value ?? null);
}

function inPlace(op: string, module: string): LoraShearError {
  const where = module === '' ? 'the forward pass' : module;
  return new LoraShearError('GRAPH_INPLACE', `${op} writes into its argument at ${where}`, {
    hint: 'use the operator without the trailing underscore: a trace needs every value to keep its meaning',
    facts: { op, module },
  });
}

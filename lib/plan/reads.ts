// Who multiplies what in a forward pass: parameters by tokens, and tokens by tokens in attention.
import { type Graph, type Node, type Value, elements } from '../graph/graph.js';

/** One layer's attention. */
export interface AttentionRead {
  /** Multiply-accumulates of one query with one key and its value: H·(D_qk + D_v). */
  macsPerKey: number;
  /** Numbers that the cache keeps of one token: K·(D_qk + D_v). */
  cached: number;
}

export interface Reads {
  /** How many matrix products read each parameter, by name; norms, biases and look-ups are none. */
  readonly products: ReadonlyMap<string, number>;
  /** By number of the layer, −1 outside of them. */
  readonly attention: ReadonlyMap<number, AttentionRead>;
}

const products = new Set(['linear', 'matmul', 'bmm', 'mm', 'addmm'].map((name) => `aten::${name}`));

/** Operators that show the same weights in another form. */
const sameWeights =
  /^aten::(t|transpose\.int|contiguous|detach|view|reshape|expand|slice\.Tensor|select\.int|unsqueeze|to\..*)$/;

/** Reads of the parameters and of the cache, from the operators of `graph` alone. */
export function readsOf(graph: Graph): Reads {
  const read = new Map<string, number>();
  const attention = new Map<number, AttentionRead>();
  const tokens = graph.values.find(({ kind }) => kind === 'input');
  const [batch = 1, length = 1] = tokens?.shape ?? [];
  const valueOf = (node: Node, i: number): Value | undefined =>
    graph.values[node.inputs[i]?.value ?? -1];
  const add = (node: Node, macsPerKey: number, cached: number): void => {
    const layer = Number(/(?:^|\.)(\d+)(?=\.|$)/.exec(node.module)?.[1] ?? -1);
    const known = attention.get(layer) ?? { macsPerKey: 0, cached: 0 };
    attention.set(layer, {
      macsPerKey: known.macsPerKey + macsPerKey,
      cached: known.cached + cached,
    });
  };

  for (const node of graph.nodes) {
    if (node.op === 'aten::scaled_dot_product_attention') {
      const [q, k, v] = [0, 1, 2].map((i) => valueOf(node, i));
      if (!q || !k || !v) continue;
      const heads = elements(q) / (batch * length * (q.shape.at(-1) ?? 1));
      const widths = (q.shape.at(-1) ?? 0) + (v.shape.at(-1) ?? 0);
      add(node, heads * widths, (elements(k) + elements(v)) / (batch * length));
      continue;
    }
    const [name = ''] = node.op.split('.');
    if (!products.has(name)) continue;
    const parameters = node.inputs
      .map(({ value }) => parameterBehind(graph, value))
      .filter((parameter) => parameter !== undefined && parameter.shape.length > 1);
    for (const parameter of parameters) {
      const key = parameter?.name ?? '';
      read.set(key, (read.get(key) ?? 0) + 1);
    }
    const [a, b] = [valueOf(node, 0), valueOf(node, 1)];
    const out = graph.values[node.outputs[0] ?? -1];
    // Attention written out: queries by keys (…, T, S), then shares by values (…, T, D); here S = T.
    if (parameters.length === 0 && a && b && out?.shape.at(-2) === length && a.shape.length > 2) {
      const summed = a.shape.at(-1) ?? 0;
      if (out.shape.at(-1) !== length && summed !== length) continue;
      add(
        node,
        (elements(out) * summed) / (batch * length * length),
        elements(b) / (batch * length),
      );
    }
  }
  return { products: read, attention };
}

function parameterBehind(graph: Graph, id: number): Value | undefined {
  for (let value = graph.values[id]; value;) {
    if (value.kind === 'parameter') return value;
    const node = graph.nodes[value.producer ?? -1];
    if (!node || !sameWeights.test(node.op)) return undefined;
    value = graph.values[node.inputs[0]?.value ?? -1];
  }
  return undefined;
}

// Two traces of one model at different sizes must differ in those sizes only (design §3.7).
import { LoraShearError } from '../errors.js';
import type { GraphData, Value } from '../graph/graph.js';

/** Batch and length that a trace was made at. */
export interface TraceSize {
  readonly batch: number;
  readonly length: number;
}

/** Is there one expression in batch and length that is `a` at size `p` and `b` at size `q`? */
function sameExpression(a: number, b: number, p: TraceSize, q: TraceSize): boolean {
  if (a === b || a - p.length === b - q.length) return true;
  return [
    [p.batch, q.batch],
    [p.length, q.length],
    [p.batch * p.length, q.batch * q.length],
  ].some(([atP, atQ]) => a * (atQ as number) === b * (atP as number));
}

function agree(a: unknown, b: unknown, p: TraceSize, q: TraceSize): boolean {
  if (typeof a === 'number' && typeof b === 'number') return sameExpression(a, b, p, q);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => agree(item, b[i], p, q));
  }
  return a === b;
}

/**
 * Checks that the traces run the same operators on the same values with the same attributes, up to sizes.
 * @throws GRAPH_INVALID naming the first operator that depends on the size of its input
 */
export function verifyAgreement(a: GraphData, p: TraceSize, b: GraphData, q: TraceSize): void {
  const fail = (index: number, what: string): never => {
    const node = a.nodes[index] ?? b.nodes[index];
    const module = node?.module === '' ? 'the top' : (node?.module ?? 'the end');
    throw new LoraShearError(
      'GRAPH_INVALID',
      `traces at lengths ${p.length} and ${q.length} differ at ${module}: ${what}`,
      {
        hint: 'the model takes another path for other lengths; its forward pass must not',
        facts: { module: node?.module, op: node?.op },
      },
    );
  };
  for (let i = 0; i < Math.max(a.nodes.length, b.nodes.length); i++) {
    const [x, y] = [a.nodes[i], b.nodes[i]];
    if (!x || !y) return fail(i, `${(x ?? y)?.op} runs in one of them only`);
    if (x.op !== y.op || x.module !== y.module) fail(i, `${x.op} in one is ${y.op} in the other`);
    const sources = x.inputs.length === y.inputs.length;
    if (!sources || x.inputs.some(({ value }, j) => value !== y.inputs[j]?.value)) {
      fail(i, `${x.op} reads other values`);
    }
    for (const [name, given] of Object.entries(x.attrs)) {
      if (!agree(given, y.attrs[name], p, q)) fail(i, `${x.op} gets another ${name}`);
    }
  }
  a.values.forEach((value, id) => {
    const other: Value | undefined = b.values[id];
    if (other?.kind !== value.kind || !agree(value.shape, other.shape, p, q)) {
      fail(
        value.producer ?? 0,
        `(${value.shape.join(', ')}) is (${other?.shape.join(', ') ?? ''})`,
      );
    }
  });
}

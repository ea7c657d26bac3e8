// A model's operator graph, by running its own forward pass on weightless tensors (design §3.7).
import type { Graph } from '../graph/graph.js';
import { verifyGraph } from '../graph/verify.js';
import { noGrad } from '../tensor/autograd.js';
import { withRecorder } from '../tensor/op.js';
import { zeros } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type TraceSize, verifyAgreement } from './agree.js';
import { GraphRecorder } from './recorder.js';

/** What a trace needs of a model: weightless (device meta), or any other whose weights are then not read. */
export interface TraceableModel {
  /** tokens (B, T) int64 → logits (B, T, V) */
  forward(tokens: Tensor): Tensor;
  parameters(): Iterable<[name: string, tensor: Tensor]>;
}

export interface TraceOptions {
  /** Device of the tokens, where the model is. */
  readonly device?: string;
  /** The two sizes that are compared; the graph returned has the first. */
  readonly sizes?: readonly [TraceSize, TraceSize];
}

/**
 * The graph of `model.forward`, traced at two sizes that must agree.
 * @throws GRAPH_INPLACE when the forward pass writes into a tensor
 * @throws GRAPH_INVALID when its operators depend on the length of the text
 */
export function trace(
  model: TraceableModel,
  {
    device = 'meta',
    sizes: [first, second] = [
      { batch: 2, length: 5 },
      { batch: 3, length: 8 },
    ],
  }: TraceOptions = {},
): Graph {
  const graph = record(model, first, device);
  verifyGraph(graph);
  verifyAgreement(graph, first, record(model, second, device), second);
  return graph;
}

function record(model: TraceableModel, { batch, length }: TraceSize, device: string): Graph {
  const tokens = keep(zeros([batch, length], 'int64', device));
  try {
    const recorder = new GraphRecorder(model.parameters(), [tokens]);
    scoped(() => {
      recorder.finish(noGrad(() => withRecorder(recorder, () => model.forward(tokens))));
    });
    return recorder.graph();
  } finally {
    tokens.dispose();
  }
}

// Activation checkpointing: a part of a forward pass keeps only its inputs and is run again in backward.
import { native } from '../native/load.js';
import { guarded } from '../native/native_error.js';
import { LoraShearError } from '../errors.js';
import { backward, backwardFrom, clearGrads, enableGrad, noGrad } from './autograd.js';
import { detach } from './ops.js';
import { type RandomStream, defaultStream } from './random.js';
import { keep, scoped } from './scope.js';
import { Tensor } from './tensor.js';

/** One part: what it takes and gives, and the random numbers that it drew. */
interface Segment {
  readonly fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly states: readonly (readonly [RandomStream, Uint8Array])[];
}

// Parts within a part that is run again must be recorded as they are. One flag per thread.
let runsAgain = false;

/**
 * The checkpointed parts of one forward pass. Memory falls to their inputs and outputs; every part is computed twice.
 *
 *     using parts = new Checkpoints();
 *     for (const block of blocks) x = parts.run((h) => block.forward(h), x);
 *     parts.backward(loss(x));
 *
 * Gradients are those of the same pass without checkpoints. What autograd needs between the parts is kept as usual.
 */
export class Checkpoints {
  readonly #streams: readonly RandomStream[];
  readonly #segments: Segment[] = [];
  readonly #adopted: { dispose(): void }[] = [];

  /** @param streams random streams that the parts draw from, besides libtorch's own: they draw the same numbers again */
  constructor({ streams = [] }: { streams?: readonly RandomStream[] } = {}) {
    this.#streams = streams;
  }

  /**
   * Runs `fn` on `inputs` without recording what happens inside. `fn` must give the same again for the same inputs, and may
   * use parameters that require gradients; all other tensors on which gradients depend must be among `inputs`.
   * Under noGrad(), and inside a part that is run again, it is a plain call.
   */
  run<T extends Tensor | readonly Tensor[]>(
    fn: (...inputs: Tensor[]) => T,
    ...inputs: Tensor[]
  ): T {
    if (runsAgain || !native().gradMode()) return fn(...inputs);
    const devices = new Set(['cpu', ...inputs.map(({ device }) => device)]);
    const streams = [...this.#streams, ...[...devices].filter(isRandom).map(defaultStream)];
    const states = streams.map((stream) => [stream, stream.save()] as const);
    // A part may return its input, or a view of it, which must not become a leaf: hence detach().
    const { given, isOne } = scoped(() =>
      noGrad(() => {
        const result = fn(...inputs);
        return { given: listOf(result).map((x) => detach(x)), isOne: result instanceof Tensor };
      }),
    );
    for (const x of given) if (isFloating(x)) x.requiresGrad = true;
    this.#segments.push({ fn, inputs: inputs.map(alias), outputs: given.map(alias), states });
    return (isOne ? given[0] : given) as T;
  }

  /**
   * Accumulates d loss / d leaf into every leaf's `grad`, as backward() does, also through the parts; forgets them.
   * `loss` has one element.
   */
  backward(loss: Tensor): void {
    // Where a part takes what was recorded, that record is walked through more than once.
    const retainGraph = this.#segments.some(({ inputs }) => inputs.some((x) => !x.isLeaf));
    backward(loss, { retainGraph });
    for (let segment = this.#segments.pop(); segment; segment = this.#segments.pop()) {
      try {
        runAgain(segment, retainGraph);
      } finally {
        disposeSegment(segment);
      }
    }
  }

  /** Takes over what the parts use besides their inputs; it is disposed with them. */
  adopt(owner: { dispose(): void }): void {
    this.#adopted.push(owner);
  }

  /**
   * Forgets the parts.
   * @throws TENSOR_SCOPE when the plain backward() reached them, which ends at their outputs
   */
  dispose(): void {
    const reached = this.#segments.some(({ outputs }) =>
      scoped(() => outputs.some((x) => x.grad !== null)),
    );
    for (const segment of this.#segments.splice(0)) disposeSegment(segment);
    for (const owner of this.#adopted.splice(0)) owner.dispose();
    if (!reached) return;
    throw new LoraShearError('TENSOR_SCOPE', 'backward() ended at checkpointed parts', {
      hint: 'call backward() of the Checkpoints instead: it goes through them',
    });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function runAgain({ fn, inputs, outputs, states }: Segment, retainGraph: boolean): void {
  scoped(() => {
    const gradients = outputs.map((x) => x.grad);
    if (gradients.every((gradient) => gradient === null)) return;
    clearGrads(outputs);
    const result = withStates(states, () => enableGrad(() => fn(...inputs)));
    const again = listOf(result).map((x, i) => [x, gradients[i]] as const);
    const reached = again.filter((pair): pair is readonly [Tensor, Tensor] => {
      const [x, gradient] = pair;
      return gradient !== null && gradient !== undefined && x.requiresGrad;
    });
    if (reached.length === 0) return;
    backwardFrom(
      reached.map(([x]) => x),
      reached.map(([, gradient]) => gradient),
      { retainGraph },
    );
  });
}

/** Runs `fn` with the random streams as they were when the part was run first; then they go on where they are. */
function withStates<T>(states: Segment['states'], fn: () => T): T {
  const now = states.map(([stream]) => [stream, stream.save()] as const);
  const set = (saved: Segment['states']): void =>
    saved.forEach(([stream, state]) => stream.restore(state));
  const outer = runsAgain;
  runsAgain = true;
  set(states);
  try {
    return fn();
  } finally {
    set(now);
    runsAgain = outer;
  }
}

/** A second handle with a life of its own: the part's inputs outlive the scopes of the forward pass. */
const alias = (x: Tensor): Tensor => keep(new Tensor(guarded('alias', (b) => b.alias(x.handle))));

function disposeSegment({ inputs, outputs }: Segment): void {
  for (const x of [...inputs, ...outputs]) x.dispose();
}

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  result instanceof Tensor ? [result] : result;
const isRandom = (device: string): boolean => device !== 'meta';
const isFloating = ({ dtype }: Tensor): boolean => /^(b?float|complex)/.test(dtype);

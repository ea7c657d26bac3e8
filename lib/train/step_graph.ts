// Training steps of one shape as one graph of the device, recorded once.
import { asLoraShearError } from '../errors.js';
import { type DeviceGraph, recordGraph } from '../tensor/device_graph.js';
import { copy_ } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { rateOn } from './adamw.js';
import { type PlacedBatch, type TokenBatch, labelIds, tokensOf } from './language_model_loss.js';

/** Asks the device for a step on some rows, and gives what a recording's replay gives again (queueStep's result). */
export type QueueStep = (parts: readonly TokenBatch[], learningRate: Tensor) => Tensor;

/** Steps before the recording: what libraries make at their first call cannot be recorded. */
const stepsBefore = 2;

/** recordGraph, or what stands for it. */
export type Recorder = (device: string, work: () => Tensor) => DeviceGraph<Tensor> | null;

interface Recorded {
  readonly graph: DeviceGraph<Tensor>;
  readonly parts: readonly PlacedBatch[];
  readonly learningRate: Tensor;
}

/**
 * Steps that are recorded at their third time and replayed from then on, with other tokens and rates. A recording reads
 * parameters, and tables that the model keeps, where they were: {@link drop} it before one of them is replaced, and before
 * another pass of the model, which may let go of a table.
 */
export class StepGraphs {
  #shape = '';
  #steps = 0;
  #refused = false;
  #recorded: Recorded | null = null;

  /**
   * @param warn told once why steps are not recorded, where recording them failed
   * @param record gives null where the device has no graphs
   */
  constructor(
    readonly warn: (message: string) => void,
    readonly record: Recorder = recordGraph,
  ) {}

  /** A step on `parts`, rows of plain text without labels; gives what `queue` gives. */
  step(
    parts: readonly TokenBatch[],
    device: string,
    learningRate: number,
    queue: QueueStep,
  ): Tensor {
    const shape = parts.map(({ batch, length }) => `${batch}×${length}`).join();
    if (shape !== this.#shape) this.drop();
    this.#shape = shape;
    const rate = rateOn(device, learningRate);
    if (!this.#recorded && !this.#refused && this.#steps++ >= stepsBefore) {
      const places = {
        parts: parts.map((part) => ({ ...part, placed: placedOn(device, part) })),
        learningRate: keep(rateOn(device, learningRate)),
      };
      const graph = this.#tryRecording(device, () => queue(places.parts, places.learningRate));
      this.#refused = graph === null;
      if (graph) this.#recorded = { graph, ...places };
      else disposeInputs(places);
    }
    if (!this.#recorded) return queue(parts, rate);
    fill(this.#recorded, parts, rate);
    this.#recorded.graph.replay();
    return this.#recorded.graph.result;
  }

  #tryRecording(device: string, work: () => Tensor): DeviceGraph<Tensor> | null {
    try {
      return this.record(device, () => keep(work()));
    } catch (thrown) {
      this.warn(`steps are not recorded: ${asLoraShearError(thrown).message}`);
      return null;
    }
  }

  /** Forgets the recording; the next steps of a shape are its first ones again. */
  drop(): void {
    const recorded = this.#recorded;
    this.#recorded = null;
    this.#steps = 0;
    if (!recorded) return;
    recorded.graph.result.dispose();
    recorded.graph.dispose();
    disposeInputs(recorded);
  }
}

const placedOn = (device: string, part: TokenBatch): PlacedBatch['placed'] => ({
  tokens: keep(tokensOf(part, device)),
  labels: keep(longTensorOn(device, labelIds(part))),
});

function fill(recorded: Recorded, parts: readonly TokenBatch[], rate: Tensor): void {
  scoped(() => {
    copy_(recorded.learningRate, rate);
    recorded.parts.forEach(({ placed: { tokens, labels } }, i) => {
      const part = parts[i] as TokenBatch;
      copy_(tokens, tokensOf(part, tokens.device));
      copy_(labels, longTensorOn(labels.device, labelIds(part)));
    });
  });
}

function disposeInputs({ parts, learningRate }: Pick<Recorded, 'parts' | 'learningRate'>): void {
  learningRate.dispose();
  for (const { placed } of parts) for (const x of Object.values(placed)) x.dispose();
}

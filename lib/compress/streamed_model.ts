// A model of a folder in parts: one layer, or the frame around the layers with some rows of the vocabulary.
import { architectureOf } from '../models/index.js';
import type { Model, RawConfig } from '../models/model.js';
import { type Resized, resizeConfig } from '../models/sizes.js';
import { type WeightSource, metaWeights } from '../nn/weight_source.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { inLayer } from './renumber.js';
import { headDimOf } from '../models/sizes.js';

/**
 * Gives the float32 tensor `name` of the whole model.
 * @param rows of dimension 0 that are asked for; undefined: all
 */
export type ReadTensor = (name: string, rows?: readonly number[]) => Tensor;

/** Each part is a model of the family's own code that lacks the rest; the caller disposes it. */
export class StreamedModel {
  constructor(
    readonly config: RawConfig,
    readonly shapeOf: (name: string) => readonly number[],
    readonly read: ReadTensor,
  ) {}

  get layers(): number {
    return Number(this.config[architectureOf(this.config).sizes.layers]);
  }

  get vocabulary(): number {
    return Number(this.config[architectureOf(this.config).sizes.vocabulary]);
  }

  /** Layer `l` as the only layer of a model without anything else. */
  layer(l: number): Model {
    return this.#build([l], {}, (name) => {
      const whole = inLayer(name, l);
      return whole === undefined ? undefined : this.read(whole);
    });
  }

  /**
   * All but the layers; token i and logit i are those of row `rows[i]` of the vocabulary.
   * @param headOnly without what is not along the vocabulary, where not all rows are asked for
   */
  frame(rows: readonly number[], { headOnly = false } = {}): Model {
    return this.#build([0], { vocabulary: rows.length }, (name, shape) => {
      if (inLayer(name, 0) !== undefined) return undefined;
      const along = this.shapeOf(name)[0] === this.vocabulary && shape[0] === rows.length;
      if (along) return this.read(name, rows);
      return headOnly && rows.length < this.vocabulary ? undefined : this.read(name);
    });
  }

  #build(
    from: readonly number[],
    sizes: Partial<Resized>,
    give: (name: string, shape: readonly number[]) => Tensor | undefined,
  ): Model {
    const { config } = this;
    const architecture = architectureOf(config);
    const layers = from.map((layer) => ({ from: layer, sizes: {}, skip: [] }));
    const headDim = headDimOf(config, architecture.sizes);
    const part = resizeConfig(config, architecture.sizes, { layers, headDim, ...sizes });
    const meta = metaWeights();
    const made: Tensor[] = [];
    const source: WeightSource = (name, shape) => {
      const tensor = scoped(() => keep(give(name, shape) ?? meta(name, shape)));
      made.push(tensor);
      return tensor;
    };
    try {
      return architecture.build(part, source);
    } catch (thrown) {
      for (const tensor of made) tensor.dispose();
      throw thrown;
    }
  }
}

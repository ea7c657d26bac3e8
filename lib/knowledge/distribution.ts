// Knowledge distribution (paper Alg. 3): how much the output changes when a node group loses its least units.
import { createHash } from 'node:crypto';
import type { KnowledgeArtefact } from '../artefacts.js';
import type { Context } from '../context.js';
import type { NodeGroup } from '../groups/group.js';
import type { Model } from '../models/model.js';
import { scoreModel } from '../saliency/mix.js';
import { type SaliencySpec, specName } from '../saliency/spec.js';
import type { Scores } from '../saliency/saliency.js';
import { noGrad } from '../tensor/autograd.js';
import { cat, slice } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';
import { selectRedundant } from '../lhspg/select.js';
import { DensePass, type Deviation } from './dense_pass.js';
import { type Removal, deviationWithout } from './pairs.js';
import { type Measured, type PairResult, knowledgeOf } from './ranking.js';
import { type Way, endOf, trialState, wayOf } from './trial.js';
import { TrialsFile } from './trials_file.js';

export interface KnowledgeOptions {
  readonly proxy: SaliencySpec;
  /** Trial ratios: share of a group's units that is taken out. */
  readonly ratios: readonly number[];
  /** Share γ of the node groups that becomes protected. */
  readonly protectShare: number;
  readonly seed: number;
  /** Of so many groups of largest deviation every two are taken out together, at the middle ratio; default 0. */
  readonly pairs?: number;
  /** The map that grows; default: in memory. */
  readonly file?: string | null;
  /** Of the model's weights, so that the map of another model is not gone on with. */
  readonly fingerprint?: string;
}

/** Texts of one pass: so few that calibration gives several passes, of which the errors are told. */
const textsInPass = 2;
/** Texts of all trials that go through the layers behind together. */
const textsTogether = 16;

/** Takes `units` out of a group. */
interface Trial extends Removal {
  /** Place in the list of all trials. */
  readonly index: number;
}

/**
 * Takes the units of least proxy out of each prunable group in turn (their consumers do not see them; no
 * weight changes), measures loss and KL to the dense model on `batches`, and ranks the groups. What lies before a changed
 * group is computed once; what was written to the file before is read.
 *
 * Memory beside the model, for one pass of two texts of T tokens: every layer's state, what its parts read and gave, the
 * logits' distribution (2·T·V float32) and 16 texts of one layer.
 * @throws RUN_ABORTED with nothing lost and the model as it was, CONFIG_INVALID for a kind without trials
 */
export function distribution(
  ctx: Context,
  model: Model,
  groups: readonly NodeGroup[],
  batches: readonly TokenBatch[],
  options: KnowledgeOptions,
): KnowledgeArtefact {
  const { proxy, ratios, seed, protectShare, file = null } = options;
  const prunable = groups.filter((group) => group.prunable);
  const passes = inPasses(batches);
  const map = new TrialsFile(file, keyOf(prunable, passes, options));
  const scores = map.once('scores', () =>
    [...scoreModel(proxy, ctx, model, prunable, batches, seed)].map(
      ([id, own]): [string, number[]] => [id, [...own]],
    ),
  );
  const trials = trialsOf(
    prunable,
    new Map(scores.map(([id, s]) => [id, Float64Array.from(s)])),
    ratios,
  );
  const total = passes.length * trials.length;
  const analysis = new Analysis(ctx, model, prunable, trials, map, total);
  const measured = passes.map((batch, b) => analysis.measure(batch, b));
  const artefact = knowledgeOf(measured, { trials, ratios, protectShare, groups: prunable });
  const chosen = artefact.groups.slice(0, options.pairs ?? 0).map(({ id }) => id);
  const pairs = analysis.pairs(
    passes,
    measured,
    chosen,
    Math.floor(ratios.length / 2),
    ratios.length,
  );
  const sequences = passes.reduce((n, { batch }) => n + batch, 0);
  const length = passes[0]?.length ?? 0;
  return {
    ...{ proxy: specName(proxy), ratios: [...ratios], protectShare },
    calibration: { sequences, length, tokens: sequences * length },
    ...artefact,
    ...(pairs.length > 0 ? { pairs } : {}),
  };
}

class Analysis {
  /** Of each group, once there was a pass. */
  #ways: readonly Way[] = [];
  #done = 0;

  constructor(
    readonly ctx: Context,
    readonly model: Model,
    readonly groups: readonly NodeGroup[],
    readonly trials: readonly Trial[],
    readonly map: TrialsFile,
    readonly total: number,
  ) {}

  /** All trials on one batch. */
  measure(batch: TokenBatch, b: number): Measured {
    const together = this.#together(batch);
    return this.#onDense(batch, (dense) => {
      const loss = this.map.once(`${b}/dense`, () => dense().loss);
      const deviations: Deviation[] = [];
      for (const list of together) {
        const name = `${b}/${list.map(({ index }) => index).join()}`;
        const found = this.map.once(name, () => {
          this.ctx.checkpoint();
          return this.#run(dense(), list);
        });
        found.forEach((deviation, i) => (deviations[list[i]?.index ?? -1] = deviation));
        this.#tell(list);
      }
      return { loss, deviations };
    });
  }

  /** Trials whose first different layer is the same, few enough for one pass through the layers behind it. */
  #together({ batch }: TokenBatch): Trial[][] {
    const most = Math.max(1, Math.floor(textsTogether / batch));
    const byLayer = new Map<number, Trial[]>();
    for (const trial of this.trials) {
      const layer = trial.group.layer ?? -1;
      byLayer.set(layer, [...(byLayer.get(layer) ?? []), trial]);
    }
    return [...byLayer].flatMap(([layer, list]) => {
      const size = layer < 0 ? 1 : most;
      return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
        list.slice(i * size, (i + 1) * size),
      );
    });
  }

  #run(dense: DensePass, list: readonly Trial[]): Deviation[] {
    const [first] = list;
    const layer = first?.group.layer ?? null;
    if (layer === null) return list.map((trial) => deviationWithout(dense, [trial]));
    return scoped(() => {
      const { batch, length } = dense.batch;
      const states = list.map((trial) => this.#start(dense, trial));
      let x = states.length === 1 ? (states[0] as Tensor) : cat(states, 0);
      const ids = Int32Array.from(list.flatMap(() => [...dense.batch.ids]));
      const tokens = tokensOf({ ids, batch: batch * list.length, length }, this.model.device);
      for (let i = layer + 1; i < this.model.blocks.length; i++) {
        const before = x;
        x = scoped(() => this.model.layer(i, before, tokens));
        before.dispose();
      }
      return list.map((_, i) =>
        scoped(() => dense.deviation(slice(x, 0, i * batch, (i + 1) * batch))),
      );
    });
  }

  #start(dense: DensePass, { group, units }: Trial): Tensor {
    return trialState(dense, this.#ways[this.groups.indexOf(group)] as Way, group, units);
  }

  /** Gives `use` the dense pass of a batch, made when it is first asked for. */
  #onDense<T>(batch: TokenBatch, use: (dense: () => DensePass) => T): T {
    let pass: DensePass | undefined;
    const make = (): DensePass => {
      if (pass) return pass;
      const ends = this.groups.map((group) => endOf(this.model, group));
      const linears = new Set(ends.flatMap((end) => end?.linear ?? []));
      pass = scoped(() => new DensePass(this.model, batch, linears));
      const made = pass;
      if (this.#ways.length === 0) {
        this.#ways = this.groups.map((group, g) => wayOf(group, ends[g] ?? null, made));
      }
      return pass;
    };
    return noGrad(() => {
      try {
        return use(make);
      } finally {
        pass?.dispose();
      }
    });
  }

  /** Every two of the `chosen` groups together, at the ratio numbered `ratio` of `ratios`. */
  pairs(
    passes: readonly TokenBatch[],
    measured: readonly Measured[],
    chosen: readonly string[],
    ratio: number,
    ratios: number,
  ): PairResult[] {
    const picked = chosen.flatMap(
      (id) => this.trials.filter(({ group }) => group.id === id)[ratio] ?? [],
    );
    const couples = picked.flatMap((a, i) => picked.slice(i + 1).map((b) => [a, b] as const));
    if (couples.length === 0 || ratios === 0) return [];
    const sums = couples.map(() => ({ together: 0, alone: 0 }));
    passes.forEach((batch, b) => {
      const { loss, deviations } = measured[b] as Measured;
      const alone = ({ index }: Trial): number => (deviations[index]?.loss ?? NaN) - loss;
      this.#onDense(batch, (dense) => {
        couples.forEach(([one, other], c) => {
          const found = this.map.once(`${b}/pair/${one.index},${other.index}`, () => {
            this.ctx.checkpoint();
            return deviationWithout(dense(), [one, other]);
          });
          const sum = sums[c] as { together: number; alone: number };
          sum.together += (found.loss - loss) / passes.length;
          sum.alone += (alone(one) + alone(other)) / passes.length;
        });
      });
    });
    return couples.map(([one, other], c) => ({
      groups: [one.group.id, other.group.id],
      removed: [one.units.length, other.units.length],
      together: sums[c]?.together ?? NaN,
      interaction: (sums[c]?.together ?? NaN) - (sums[c]?.alone ?? NaN),
    }));
  }

  #tell(list: readonly Trial[]): void {
    this.#done += list.length;
    const note = list.at(-1)?.group.id ?? '';
    const progress = { done: this.#done, total: this.total, unit: 'evaluation', note };
    this.ctx.emit({ type: 'progress', stage: 'knowledge', ...progress });
  }
}

/** All texts, a few at a time, and equally many each time, so that every pass weighs the same. */
function inPasses(batches: readonly TokenBatch[]): TokenBatch[] {
  const texts = batches.flatMap(({ ids, batch, length }) =>
    Array.from({ length: batch }, (_, i) => ids.subarray(i * length, (i + 1) * length)),
  );
  const size = texts.length % textsInPass === 0 ? textsInPass : 1;
  return Array.from({ length: texts.length / size }, (_, p) => {
    const own = texts.slice(p * size, (p + 1) * size);
    const ids = Int32Array.from(own.flatMap((text) => [...text]));
    return { ids, batch: size, length: own[0]?.length ?? 0 };
  });
}

/** Every group at every ratio, in this order. */
function trialsOf(
  groups: readonly NodeGroup[],
  scores: Scores,
  ratios: readonly number[],
): Trial[] {
  return groups.flatMap((group, g) =>
    ratios.map((ratio, r): Trial => {
      const { id, units, blocks = 1, least = 1 } = group;
      const size = units / blocks;
      // A half or a layer is one unit, which goes.
      const most = units === 1 ? 1 : size - least;
      const count = blocks * Math.min(most, Math.max(1, Math.round(ratio * size)));
      const chosen = selectRedundant(scores, new Map([[id, count]]), new Map(), [group]);
      return { group, units: chosen.get(id) ?? [], index: g * ratios.length + r };
    }),
  );
}

function keyOf(
  groups: readonly NodeGroup[],
  passes: readonly TokenBatch[],
  { proxy, ratios, seed, fingerprint = '' }: KnowledgeOptions,
): string {
  const hash = createHash('sha256');
  const described = groups.map(({ id, units }) => [id, units]);
  hash.update(JSON.stringify([fingerprint, proxy, ratios, seed, described]));
  for (const { ids, length } of passes) hash.update(`${length}:`).update(ids);
  return hash.digest('hex');
}

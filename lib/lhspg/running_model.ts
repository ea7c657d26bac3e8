// The model that trains: what became exactly zero leaves it at once, and every group knows its units by their first names.
import { closeExperts } from '../compress/experts.js';
import { compress } from '../compress/slice.js';
import { type Shrunk, shrinkPartition } from '../compress/shrink_partition.js';
import { type Equality, assertZeroUnits, verifyCut } from '../compress/verify.js';
import type { Context } from '../context.js';
import type { GroupKind, Partition } from '../groups/group.js';
import type { Model, RawConfig } from '../models/model.js';
import { scoped } from '../tensor/scope.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';
import type { Units } from './select.js';

/**
 * Kinds whose zero units leave in mid-training. Layers and experts stay, zero, until the end, as what is behind them would
 * change its name; the width and the vocabulary stay, as every tensor would have to be copied for a few rows.
 */
const leaving: ReadonlySet<GroupKind> = new Set([
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'expert_channels',
]);

/** Enough to build the running model again: its config, and the dense model's units that each changed group still has. */
export interface Shrinkage {
  readonly config: RawConfig;
  readonly units: Readonly<Record<string, readonly number[]>>;
}

/** Owns the model. Units are numbered as in the dense model outside, and by their place in the running one inside. */
export class RunningModel {
  #partition: Partition;
  /** For each group: the dense number of each of its units. */
  #dense: ReadonlyMap<string, readonly number[]>;
  #closed: { restore(): void } | null = null;

  /**
   * @param model the dense one, or one built by `shrinkage`
   * @param whole partition of the dense model with its LoRA
   */
  constructor(
    public model: Model,
    readonly whole: Partition,
    shrinkage: Shrinkage | null = null,
  ) {
    const { partition, left } = this.#shrunk(
      whole,
      new Map(
        Object.entries(shrinkage?.units ?? {}).map(([id, units]) => {
          const kept = new Set(units);
          const all = whole.groups.find((group) => group.id === id)?.units ?? 0;
          return [id, Array.from({ length: all }, (_, u) => u).filter((u) => !kept.has(u))];
        }),
      ),
    );
    this.#partition = partition;
    this.#dense = left;
  }

  /** The groups as they lie in the running model. */
  get partition(): Partition {
    return this.#partition;
  }

  /** null while nothing has left. */
  get shrinkage(): Shrinkage | null {
    const changed = this.whole.groups.filter(
      ({ id, units }) => this.#dense.get(id)?.length !== units,
    );
    if (changed.length === 0) return null;
    const units = Object.fromEntries(changed.map(({ id }) => [id, this.#dense.get(id) ?? []]));
    return { config: this.model.config, units };
  }

  /** From places in the running model to the dense model's numbers. */
  denseUnits(id: string, places: Iterable<number>): number[] {
    const dense = this.#dense.get(id) ?? [];
    return [...places].map((place) => dense[place] as number);
  }

  /** From the dense model's numbers to places; units that have left have none. */
  places(units: Iterable<readonly [string, readonly number[]]>): Units {
    return new Map(
      [...units].map(([id, dense]) => {
        const place = new Map(this.#dense.get(id)?.map((unit, at) => [unit, at]));
        return [id, dense.flatMap((unit) => place.get(unit) ?? [])];
      }),
    );
  }

  /** From now on no token goes to these experts (dense numbers; other groups do not count); an earlier list is replaced. */
  close(units: Iterable<readonly [string, readonly number[]]>): void {
    this.#closed?.restore();
    this.#closed = closeExperts(this.model, this.#partition, this.places(units));
  }

  /**
   * Cuts the units (dense numbers, all exactly zero) out of the running model, as far as their kind leaves before the
   * end, and proves on `probe` that the logits stay.
   * @param all also what else is zero: layers, experts (which are closed), features; the groups are not kept track of then
   * @returns null when nothing had to go
   * @throws CUT_NOT_EQUAL
   */
  shrink(
    ctx: Context,
    removed: ReadonlyMap<string, readonly number[]>,
    probe: TokenBatch,
    all = false,
  ): Equality | null {
    const kinds = new Map(this.#partition.groups.map(({ id, kind }) => [id, kind]));
    const places = this.places(removed);
    const going = new Map(
      [...places].filter(([id, units]) => {
        const kind = kinds.get(id);
        return units.length > 0 && kind !== undefined && (all || leaving.has(kind));
      }),
    );
    if (going.size === 0) return null;
    assertZeroUnits(this.model, this.#partition, going);
    const compact = compress(this.model, this.#partition, going);
    try {
      const equality = scoped(() =>
        verifyCut(ctx, this.model, compact, tokensOf(probe, compact.device)),
      );
      this.#closed?.restore();
      this.#closed = null;
      if (!all) this.#follow(compact, going);
      this.model.dispose();
      this.model = compact;
      if (!all) this.close(removed);
      return equality;
    } catch (thrown) {
      compact.dispose();
      throw thrown;
    }
  }

  #follow(compact: Model, going: Units): void {
    const { partition, left } = this.#shrunk(this.#partition, going, compact);
    this.#dense = new Map([...left].map(([id, places]) => [id, this.denseUnits(id, places)]));
    this.#partition = partition;
  }

  #shrunk(from: Partition, removed: Units, model = this.model): Shrunk {
    const shapes = new Map([...model.parameters()].map(([name, { shape }]) => [name, shape]));
    return shrinkPartition(from, removed, shapes);
  }

  dispose(): void {
    this.#closed?.restore();
    this.model.dispose();
  }
}

// What a model and each unit of its groups cost: parameters, multiply-accumulates, key-value cache, memory.
import { type Graph, parametersOf } from '../graph/graph.js';
import { type NodeGroup, type Partition, composedKinds } from '../groups/group.js';
import { type Reads, readsOf } from './reads.js';

/** What is paid for, of a whole model or of a part of it. */
export interface Measures {
  /** Tied ones once, LoRA not counted. */
  readonly parameters: number;
  /** Multiply-accumulates of one token that looks back on a whole context. */
  readonly macs: number;
  /** Bytes that the key-value cache keeps of one token. */
  readonly kvBytes: number;
  /** Bytes of the weights and of the caches of a batch of whole contexts. */
  readonly memory: number;
}

export type Measure = keyof Measures;

/** What a model is used for, and how it is stored. */
export interface Use {
  /** Tokens that one looks back on. */
  readonly context: number;
  /** Texts at a time. */
  readonly batch: number;
  /** Bytes of one number of the weights and of the cache. */
  readonly bytes: number;
  /** Experts that a token goes to; undefined where there are none. */
  readonly expertsPerToken?: number | undefined;
}

/**
 * Units gone from groups, by id; which of them they are does not matter for what they cost. Of query heads, units are
 * counted in all blocks, also in those that go with their key-value head.
 */
export type Counts = ReadonlyMap<string, number>;

/** A parameter of the base model. */
interface Weight {
  readonly shape: readonly number[];
  readonly products: number;
  /** Group of its layer whose units are experts, if it belongs to one of them. */
  readonly experts: NodeGroup | undefined;
}

/** Costs of a model after any cut; the groups may be of any kind. */
export class Costs {
  readonly total: Measures;
  readonly #weights = new Map<string, Weight>();
  readonly #groups: ReadonlyMap<string, NodeGroup>;
  readonly #inLayer = new Map<number | null, NodeGroup[]>();
  readonly #reads: Reads;

  constructor(
    graph: Graph,
    readonly partition: Partition,
    readonly use: Use,
  ) {
    const { groups } = partition;
    this.#reads = readsOf(graph);
    this.#groups = new Map(groups.map((group) => [group.id, group]));
    for (const group of groups) {
      const own = this.#inLayer.get(group.layer) ?? [];
      this.#inLayer.set(group.layer, [...own, group]);
    }
    const lora = new Set<string>();
    const inExpert = new Map<string, NodeGroup | undefined>();
    for (const { kind, layer, slices } of groups) {
      const experts = groups.find((group) => group.kind === 'experts' && group.layer === layer);
      for (const slice of slices) {
        if (slice.lora !== null) lora.add(slice.param);
        if (kind === 'expert_channels') inExpert.set(slice.param, experts);
      }
    }
    for (const { name = '', shape } of parametersOf(graph)) {
      if (lora.has(name)) continue;
      const products = this.#reads.products.get(name) ?? 0;
      this.#weights.set(name, { shape, products, experts: inExpert.get(name) });
    }
    this.total = this.after(new Map());
  }

  /** What the model costs without `removed`. */
  after(removed: Counts): Measures {
    const lost = this.#lost(removed);
    let [parameters, macs, cached] = [0, 0, 0];
    for (const [name, { shape, products, experts }] of this.#weights) {
      const gone = lost.get(name);
      const size = shape.reduce((n, extent, d) => n * Math.max(0, extent - (gone?.[d] ?? 0)), 1);
      parameters += size;
      macs += size * products * this.#share(experts, removed);
    }
    for (const [layer, read] of this.#reads.attention) {
      const { queries, keys } = this.#headsLeft(layer, removed);
      macs += read.macsPerKey * queries * this.use.context;
      cached += read.cached * keys;
    }
    const { bytes, context, batch } = this.use;
    const kvBytes = cached * bytes;
    return { parameters, macs, kvBytes, memory: parameters * bytes + kvBytes * context * batch };
  }

  /** What goes with the first unit of `group`. */
  unit(group: NodeGroup): Measures {
    const left = this.after(new Map([[group.id, 1]]));
    const { parameters, macs, kvBytes, memory } = this.total;
    return {
      parameters: parameters - left.parameters,
      macs: macs - left.macs,
      kvBytes: kvBytes - left.kvBytes,
      memory: memory - left.memory,
    };
  }

  /** Matrices as they are stored for products: quantised formats divide the numbers of a row into blocks. */
  matrices(removed: Counts): { name: string; row: number; rows: number }[] {
    const lost = this.#lost(removed);
    const consumed = new Map<string, Set<number>>();
    for (const { slices } of this.partition.groups) {
      for (const { param, dim, role } of slices) {
        if (role !== 'consumer') continue;
        consumed.set(param, (consumed.get(param) ?? new Set()).add(dim));
      }
    }
    return [...this.#weights].flatMap(([name, { shape, products }]) => {
      if (shape.length !== 2) return [];
      const left = shape.map((extent, d) => extent - (lost.get(name)?.[d] ?? 0));
      // Stored (in, out) where only the first dimension is summed over (GPT-2); tables are looked up by it.
      const transposed = products > 0 && consumed.get(name)?.has(1) === false;
      const [row = 0, rows = 0] = transposed ? left : [...left].reverse();
      return row > 0 && rows > 0 ? [{ name, row, rows }] : [];
    });
  }

  /** Indices that parameters lose, by dimension. */
  #lost(removed: Counts): Map<string, number[]> {
    const lost = new Map<string, number[]>();
    for (const [id, count] of removed) {
      const group = this.#groups.get(id);
      if (!group || count === 0) continue;
      const stays = group.kind === 'query_heads' ? this.#keysLeft(group.layer, removed) : 1;
      for (const { param, dim, extent, outer, inner, only } of group.slices) {
        const gone = lost.get(param) ?? [];
        lost.set(param, gone);
        const n = only === undefined ? count : only < count ? 1 : 0;
        gone[dim] =
          (gone[dim] ?? 0) + (composedKinds.has(group.kind) ? extent : n * outer * inner * stays);
      }
    }
    // Shares of query heads are whole numbers in sum only.
    return new Map([...lost].map(([name, gone]) => [name, gone.map(Math.round)]));
  }

  /** Share of the tokens that reach a weight. */
  #share(experts: NodeGroup | undefined, removed: Counts): number {
    const { expertsPerToken } = this.use;
    if (!experts || expertsPerToken === undefined) return 1;
    return Math.min(1, expertsPerToken / (experts.units - (removed.get(experts.id) ?? 0)));
  }

  /** Shares of a layer's query heads and of its key-value heads that are left. */
  #headsLeft(layer: number, removed: Counts): { queries: number; keys: number } {
    const own = this.#inLayer.get(layer) ?? [];
    const gone = (group: NodeGroup | undefined): number => removed.get(group?.id ?? '') ?? 0;
    const whole = own.some(
      (group) =>
        gone(group) > 0 &&
        (group.kind === 'layer' || (group.kind === 'sublayer' && group.id.endsWith('.attention'))),
    );
    if (whole) return { queries: 0, keys: 0 };
    const query = own.find(({ kind }) => kind === 'query_heads');
    const keys = this.#keysLeft(layer, removed);
    return { keys, queries: query ? keys * (1 - gone(query) / query.units) : keys };
  }

  /** Share of a layer's key-value heads that is left. */
  #keysLeft(layer: number | null, removed: Counts): number {
    const kv = this.#inLayer.get(layer)?.find(({ kind }) => kind === 'attention_heads');
    return kv ? 1 - (removed.get(kv.id) ?? 0) / kv.units : 1;
  }
}

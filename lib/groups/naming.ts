// Readable, stable names for groups from the paths of the parameters they touch.

const isNumber = (part: string): boolean => /^\d+$/.test(part);

/** Leading parts that all paths share. */
function shared(paths: readonly (readonly string[])[]): string[] {
  const [first = [], ...others] = paths;
  let length = first.length;
  for (const path of others) {
    let i = 0;
    while (i < length && path[i] === first[i]) i++;
    length = i;
  }
  return first.slice(0, length);
}

/** Names the groups of one model; every id is given once. */
export class Naming {
  readonly #root: number;
  readonly #stack: readonly string[];
  readonly #given = new Set<string>();

  /** @param parameters names of all parameters of the model */
  constructor(parameters: readonly string[]) {
    const above = parameters
      .map((name) => name.split('.'))
      .filter((path) => path.some(isNumber))
      .map((path) => path.slice(0, Math.max(0, path.findIndex(isNumber) - 1)));
    this.#root = shared(above).length; // `model` in `model.layers.0…`: says nothing
    const [layered = []] = parameters
      .map((name) => name.split('.'))
      .filter((p) => p.some(isNumber));
    this.#stack = layered.slice(this.#root, layered.findIndex(isNumber));
  }

  /** Number of the layer that all these parameters are in, null if there is none. */
  layerOf(parameters: readonly string[]): number | null {
    const part = this.#place(parameters).find(isNumber);
    return part === undefined ? null : Number(part);
  }

  /** `layers.0.mlp.channels` for parameters below `model.layers.0.mlp`; what spans layers is called by its label. */
  idOf(parameters: readonly string[], label: string): string {
    const place = this.#place(parameters);
    const path = place.some(isNumber) ? `${place.slice(this.#root).join('.')}.${label}` : label;
    let id = path;
    for (let n = 2; this.#given.has(id); n++) id = `${path}_${n}`;
    this.#given.add(id);
    return id;
  }

  /** `layers.3.attention` for what is as a whole in layer 3. */
  placed(layer: number, label: string): string {
    const path = [...this.#stack, String(layer), label].join('.');
    this.#given.add(path);
    return path;
  }

  /** Deepest module that all parameters are below. */
  #place(parameters: readonly string[]): string[] {
    return shared(parameters.map((name) => name.split('.').slice(0, -1)));
  }
}

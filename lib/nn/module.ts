// A part of a model: its parameters, its children, and a name that errors and traces show.
import { insideModule } from '../tensor/module_path.js';
import type { Tensor } from '../tensor/tensor.js';

export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #children = new Map<string, Module>();

  /** Registers a tensor that this module owns and disposes. */
  protected own(name: string, tensor: Tensor): Tensor {
    this.#parameters.set(name, tensor);
    return tensor;
  }

  /** Forgets a tensor; the caller disposes it. */
  protected disown(name: string): void {
    this.#parameters.delete(name);
  }

  /** Registers a part. Dots in the name are levels without a module (`layers.0`); '' is no level at all. */
  protected child<M extends Module>(name: string, module: M): M {
    this.#children.set(name, module);
    return module;
  }

  /** Runs `fn` with `child`'s name on the module path. */
  protected in<T>(name: string, fn: () => T): T {
    return name === '' ? fn() : insideModule(name, fn);
  }

  /** All parameters below this module with their dotted names, in order of registration. */
  *parameters(prefix = ''): Generator<[string, Tensor]> {
    for (const [name, tensor] of this.#parameters) yield [prefix + name, tensor];
    for (const [name, module] of this.#children) {
      yield* module.parameters(name === '' ? prefix : `${prefix}${name}.`);
    }
  }

  /** The device of its first parameter, where its inputs belong. */
  get device(): string {
    for (const [, tensor] of this.parameters()) return tensor.device;
    return 'cpu';
  }

  /** All modules below this one with their dotted names, this one first. */
  *modules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this];
    for (const [name, module] of this.#children) {
      yield* module.modules([prefix, name].filter((part) => part !== '').join('.'));
    }
  }

  /** Disposes every parameter once (tied ones are shared). */
  dispose(): void {
    const seen = new Set<Tensor>();
    for (const [, tensor] of this.parameters()) {
      if (!seen.has(tensor)) tensor.dispose();
      seen.add(tensor);
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

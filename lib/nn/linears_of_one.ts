// Several linear layers of one input: at once where all have LoRA, else one after the other.
import { loraLinears } from '../tensor/fused.js';
import { insideModule } from '../tensor/module_path.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Linear } from './linear.js';

/** x (…, in) → (…, out) of each layer, in order; the layers come with their names on the module path. */
export function linearsOfOne(x: Tensor, layers: readonly (readonly [string, Linear])[]): Tensor[] {
  const branches = layers.flatMap(([, linear]) => linear.fusedLora ?? []);
  const [first] = branches;
  const eachAlone = (): Tensor[] =>
    layers.map(([name, linear]) => insideModule(name, () => linear.forward(x)));
  if (!first || branches.length < layers.length) return eachAlone();
  const biases = layers.flatMap(([, { bias }]) => bias ?? []);
  const alike =
    branches.every(({ scale }) => scale === first.scale) &&
    (biases.length === 0 || biases.length === layers.length);
  if (!alike) return eachAlone();
  const [a, b] = [branches.map(({ A }) => A), branches.map(({ B }) => B)];
  const weights = layers.map(([, { matrix }]) => matrix);
  const names = layers.map(([name]) => name).join('+');
  return insideModule(names, () => loraLinears(x, weights, biases, a, b, first.scale));
}

// ½⟨W_g, s·(BA)_g⟩²: second-order Taylor in its LoRA form, the Fisher-like surrogate (algorithm.md §3.5).
// It ranks as taylor_first does; in a mixture it gives the large scores more weight.
import { statisticsOf } from './group_moments.js';
import type { Saliency } from './saliency.js';

export const taylorSecond: Saliency = (input) => statisticsOf(input, ({ inner }) => inner ** 2 / 2);

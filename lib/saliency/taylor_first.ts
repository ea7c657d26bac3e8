// |⟨W_g, s·(BA)_g⟩|: first-order Taylor in its LoRA form, where s·BA stands for −∇ (algorithm.md §3.5).
import { statisticsOf } from './group_moments.js';
import type { Saliency } from './saliency.js';

export const taylorFirst: Saliency = (input) => statisticsOf(input, ({ inner }) => Math.abs(inner));

// The perplexity of GPTQ, SparseGPT and Wanda (Frantar et al. 2022, datautils.py and llama.py): windows of 2,048.
import { equalWindows } from './equal_windows.js';

/** Wanda takes the whole context of a model instead, 4,096 for LLaMA 2. */
export const gptq = equalWindows(
  'equal windows of 2,048 tokens, or the context of a model that has less, as GPTQ and Wanda',
  (context) => Math.min(2048, context),
);

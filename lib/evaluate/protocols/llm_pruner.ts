// LLM-Pruner's perplexity (Ma et al. 2023, LLMPruner/datasets/ppl_dataset.py and evaluator/ppl.py): windows of 128.
import { equalWindows } from './equal_windows.js';

export const llmPruner = equalWindows('equal windows of 128 tokens, as LLM-Pruner', (context) =>
  Math.min(128, context),
);

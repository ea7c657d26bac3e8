// The engines that a plan can ask, by name alone.
export const engineNames = ['transformers', 'vllm', 'llama.cpp', 'gguf-k-quants'] as const;
export type EngineName = (typeof engineNames)[number];

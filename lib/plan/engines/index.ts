// The engines that a plan asks: one line each.
import { LoraShearError } from '../../errors.js';
import type { Candidate, Engine, Verdict } from './engine.js';
import { ggufQuants } from './gguf_quants.js';
import { llamaCpp } from './llama_cpp.js';
import type { EngineName } from './names.js';
import { transformers } from './transformers.js';
import { vllm } from './vllm.js';

export const engines = {
  transformers,
  vllm,
  'llama.cpp': llamaCpp,
  'gguf-k-quants': ggufQuants,
} as const satisfies Record<EngineName, Engine>;

/**
 * What each engine says.
 * @param asked names; default all
 * @throws CONFIG_INVALID for a name that is none
 */
export function judge(
  candidate: Candidate,
  asked: readonly string[] = Object.keys(engines),
): Verdict[] {
  return asked.map((name) => {
    if (Object.hasOwn(engines, name)) return engines[name as EngineName](candidate);
    throw new LoraShearError('CONFIG_INVALID', `there is no engine '${name}'`, {
      hint: `these are known: ${Object.keys(engines).join(', ')}`,
      facts: { engine: name },
    });
  });
}

// The registry of perplexity protocols: one line each.
import { gptq } from './gptq.js';
import { llmPruner } from './llm_pruner.js';
import { lmEvalWikitext } from './lm_eval_wikitext.js';
import type { Protocol } from './protocol.js';

export const protocols = {
  'llm-pruner': llmPruner,
  gptq,
  'lm-eval-wikitext': lmEvalWikitext,
} as const satisfies Record<string, Protocol>;

export type ProtocolName = keyof typeof protocols;

export const protocolNames = Object.keys(protocols) as ProtocolName[];

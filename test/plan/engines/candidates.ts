// Candidates as a plan hands them to an engine.
import { type Candidate, candidateOf } from '../../../lib/plan/engines/engine.js';
import { llamaSizes } from '../../../lib/models/llama_config.js';
import type { RawConfig } from '../../../lib/models/model.js';

export const llama7B = {
  ...{ model_type: 'llama', hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32 },
  ...{ num_attention_heads: 32, num_key_value_heads: 32, vocab_size: 32000 },
} as const;

export const candidate = (config: RawConfig, matrices: Candidate['matrices'] = []): Candidate =>
  candidateOf({ ...llama7B, ...config }, llamaSizes, matrices);

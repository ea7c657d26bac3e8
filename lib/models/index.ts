// The registry of architectures: one line each.
import { closest, distance } from 'fastest-levenshtein';
import { LoraShearError } from '../errors.js';
import { cohere } from './cohere.js';
import { falcon } from './falcon.js';
import { gemma2 } from './gemma2.js';
import { gemma3Text } from './gemma3_text.js';
import { glm4 } from './glm4.js';
import { gpt2 } from './gpt2.js';
import { gptNeox } from './gpt_neox.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { mixtral } from './mixtral.js';
import type { Architecture, RawConfig } from './model.js';
import { olmo2 } from './olmo2.js';
import { opt } from './opt.js';
import { phi } from './phi.js';
import { phi3 } from './phi3.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';
import { stablelm } from './stablelm.js';
import { starcoder2 } from './starcoder2.js';
import { qwen3Moe } from './qwen3_moe.js';

export const architectures = {
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma2,
  gemma3_text: gemma3Text,
  phi3,
  olmo2,
  glm4,
  cohere,
  gpt2,
  gpt_neox: gptNeox,
  opt,
  phi,
  falcon,
  stablelm,
  starcoder2,
  mixtral,
  qwen3_moe: qwen3Moe,
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

/**
 * The architecture of a config.json.
 * @throws CHECKPOINT_UNSUPPORTED when none knows it, or the weights are quantised
 */
export function architectureOf(config: RawConfig): Architecture {
  refuseQuantised(config);
  const found = Object.values(architectures).find(({ matches }) => matches(config));
  if (found) return found;
  throw unknownModel(config);
}

function refuseQuantised(config: RawConfig): void {
  const settings = config['quantization_config'];
  if (settings === undefined || settings === null) return;
  const method = (settings as RawConfig)['quant_method'];
  const name = typeof method === 'string' ? method : 'an unnamed method';
  throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `this checkpoint is quantised (${name})`, {
    hint: 'give the checkpoint that it was quantised from; what is cut can be quantised afterwards',
    facts: { quantMethod: name },
  });
}

function unknownModel(config: RawConfig): LoraShearError {
  const type = config['model_type'];
  const known = Object.keys(architectures);
  const unsupported = (what: string, hint: string): LoraShearError =>
    new LoraShearError('CHECKPOINT_UNSUPPORTED', what, { hint, facts: { modelType: type, known } });
  if (typeof type !== 'string') {
    return unsupported(
      'config.json names no model_type',
      `give the config.json of the model; these are computed: ${known.join(', ')}`,
    );
  }
  const what = `config.json says model_type '${type}'`;
  if ('text_config' in config) {
    return unsupported(
      `${what}, which reads more than text`,
      'save its language model alone (in transformers: model.language_model or model.model.language_model)',
    );
  }
  const nearest = closest(type, known);
  const near = distance(type, nearest) <= Math.max(2, type.length / 2);
  const guess = near ? `did you mean '${nearest}'? ` : '';
  if ('auto_map' in config) {
    return unsupported(
      `${what} and brings Python code of its own (auto_map), which is never run here`,
      `${guess}if it computes what a known family does, convert it to that; these are computed: ${known.join(', ')}`,
    );
  }
  return unsupported(
    what,
    `${guess}these are computed: ${known.join(', ')}; CONTRIBUTING.md, "An architecture", says how to add one`,
  );
}

// README.md of an adapter folder: what it is, and how to load it.
import type { Tensor } from '../tensor/tensor.js';
import type { AdapterConfig } from './adapter_config.js';

/** Markdown with the front matter that model hubs read. */
export function adapterCard(
  { settings, base }: AdapterConfig,
  tensors: readonly (readonly [string, Tensor])[],
): string {
  const { r, alpha, useRslora } = settings;
  const parameters = tensors.reduce((sum, [, { size }]) => sum + size, 0);
  const from = JSON.stringify(base ?? 'the base model');
  const front = [
    '---',
    ...(base === null ? [] : [`base_model: ${from}`]),
    'library_name: peft',
    'pipeline_tag: text-generation',
    'tags: [lora, lorashear]',
    '---',
  ];
  const scale = `alpha ${alpha}${useRslora ? ', rank-stabilised' : ''}`;
  return `${front.join('\n')}

# LoRA adapter

Rank ${r}, ${scale}, on ${tensors.length / 2} linears: ${parameters.toLocaleString('en-US')} parameters. Made by lorashear-native.

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(${from}), "this folder")
\`\`\`
`;
}

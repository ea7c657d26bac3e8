// The Python file beside a model whose layers differ: transformers' own class with each layer built from its own config.
import { architectureName } from './export_config.js';

/** Name of the file, which `auto_map` names. */
export const codeFile = 'modeling_lorashear.py';

/** Norms around attention and around the feed-forward, which a layer without that half does not have. */
type Halves = readonly [attention: readonly string[], mlp: readonly string[]];

const llamaLike: Halves = [['input_layernorm'], ['post_attention_layernorm']];
const gemma: Halves = [
  ['input_layernorm', 'post_attention_layernorm'],
  ['pre_feedforward_layernorm', 'post_feedforward_layernorm'],
];

/** By model_type of transformers: classes whose layer takes (config, index) and keeps its halves as `self_attn` and `mlp`. */
const families: Readonly<Record<string, Halves>> = {
  llama: llamaLike,
  mistral: llamaLike,
  qwen2: llamaLike,
  qwen3: llamaLike,
  phi3: llamaLike,
  starcoder2: llamaLike,
  qwen3_moe: llamaLike,
  gemma2: gemma,
  gemma3_text: gemma,
  olmo2: [['post_attention_layernorm'], ['post_feedforward_layernorm']],
  glm4: [
    ['input_layernorm', 'post_self_attn_layernorm'],
    ['post_attention_layernorm', 'post_mlp_layernorm'],
  ],
};

/** Is there a file for models of this type? */
export const hasCode = (modelType: string): boolean => modelType in families;

/** Keys that config.json needs for {@link codeFile}. */
export const autoMap = {
  AutoConfig: 'modeling_lorashear.LorashearConfig',
  AutoModelForCausalLM: 'modeling_lorashear.LorashearForCausalLM',
} as const;

/**
 * The file's text.
 * @param base model_type of the classes it stands on
 * @param modelType what config.json says
 */
export function modelingCode(base: string, modelType: string): string {
  const causal = architectureName(base);
  const prefix = causal.replace(/ForCausalLM$/, '');
  const folder = base === 'gemma3_text' ? 'gemma3' : base;
  const config = base === 'gemma3_text' ? 'Gemma3TextConfig' : `${prefix}Config`;
  const [attention, mlp] = families[base] as Halves;
  const list = (names: readonly string[]): string =>
    `[${names.map((name) => `'${name}'`).join(', ')}]`;
  return `"""Layers of different sizes on transformers' ${causal}; load with trust_remote_code=True. Written by lorashear-native.

config.json has the sizes of the whole model and, in per_layer_config, by number of the layer what differs there;
\`skip\` lists halves that a layer does not have.
"""

import copy

import torch
from torch import nn
from transformers.models.${folder}.configuration_${folder} import ${config}
from transformers.models.${folder}.modeling_${folder} import ${prefix}DecoderLayer, ${causal}

HALVES = {
    'attention': ('self_attn', ${list(attention)}),
    'mlp': ('mlp', ${list(mlp)}),
}


class Block(dict):
    """An entry of block_configs: keys are attributes, too."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


class LorashearConfig(${config}):
    model_type = '${modelType}'

    def __init__(self, per_layer_config=None, block_configs=None, **kwargs):
        super().__init__(**kwargs)
        self.layer_overrides = {str(int(i)): own for i, own in (per_layer_config or {}).items()}
        if block_configs is not None:
            self.block_configs = [Block({half: Block(own) for half, own in block.items()}) for block in block_configs]

    def validate_architecture(self):
        """Heads need not divide the hidden size: head_dim is given."""

    def to_dict(self):
        found = super().to_dict()
        found['per_layer_config'] = found.pop('layer_overrides', {})
        return found


class NoAttention(nn.Module):
    """Adds nothing; the cache still counts the tokens."""

    def __init__(self, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx

    def forward(self, hidden_states, *args, **kwargs):
        for name in ('cache', 'past_key_values', 'past_key_value'):
            cache = kwargs.get(name)
            if cache is not None:
                token = hidden_states.new_zeros(hidden_states.shape[0], 1, hidden_states.shape[1], 1)
                cache.update(token, token, self.layer_idx)
        return torch.zeros_like(hidden_states), None


class NoMlp(nn.Module):
    """Adds nothing."""

    def forward(self, hidden_states, *args, **kwargs):
        return torch.zeros_like(hidden_states)


class LorashearForCausalLM(${causal}):
    config_class = LorashearConfig

    def __init__(self, config):
        super().__init__(config)
        for i, own in config.layer_overrides.items():
            sizes = copy.deepcopy(config)
            for key, value in own.items():
                if key != 'skip':
                    setattr(sizes, key, value)
            layer = ${prefix}DecoderLayer(sizes, int(i))
            for half in own.get('skip', []):
                name, norms = HALVES[half]
                setattr(layer, name, NoAttention(int(i)) if half == 'attention' else NoMlp())
                for norm in norms:
                    setattr(layer, norm, nn.Identity())
            self.model.layers[int(i)] = layer
        self.post_init()
`;
}

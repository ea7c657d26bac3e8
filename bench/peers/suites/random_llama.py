"""The LLaMA of bench/random_llama.ts: transformers' model with PEFT's LoRA, every weight drawn by its name."""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def seed_of(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def draw(tensor, name):
    generator = torch.Generator(tensor.device)
    generator.manual_seed(seed_of(name))
    tensor.normal_(0, 0.02, generator=generator)


def stored_name(name):
    return name.replace("base_model.model.", "").replace(".base_layer", "").replace(".default", "")


@torch.no_grad()
def random_llama(config, dtype, device, r, alpha):
    """Base and factors are `dtype`; factors are drawn in float32, as ours are."""
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**config, use_cache=False))
    torch.set_default_dtype(torch.float32)
    options = LoraConfig(
        r=r, lora_alpha=alpha, lora_dropout=0.0, bias="none", target_modules=LINEARS, task_type="CAUSAL_LM"
    )
    model = get_peft_model(model, options, autocast_adapter_dtype=False)
    for name, parameter in model.named_parameters():
        stored = stored_name(name)
        if parameter.dim() == 1:
            parameter.fill_(1)
        elif parameter.requires_grad:
            full = torch.empty(parameter.shape, dtype=torch.float32, device=device)
            draw(full, stored)
            parameter.data = full.to(dtype)
        else:
            draw(parameter, stored)
    return model.train()

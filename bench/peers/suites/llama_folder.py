"""Loads the model folder that our side wrote, with transformers, and makes its logits a check."""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from transformers import LlamaForCausalLM  # noqa: E402


def load(directory, device):
    return LlamaForCausalLM.from_pretrained(directory, dtype="auto").to(device).eval()


def logit_row(logits):
    """As logitRow of bench/llama_folder.ts: the root mean square, then the first 256."""
    values = logits.float()
    return [values.square().mean().sqrt().item(), *values[:256].tolist()]

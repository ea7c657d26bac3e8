"""Loads the model folder that our side wrote, with transformers, and makes its logits a check."""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from transformers import LlamaForCausalLM  # noqa: E402

from .logit_row import logit_row  # noqa: E402, F401


def load(directory, device):
    return LlamaForCausalLM.from_pretrained(directory, dtype="auto").to(device).eval()

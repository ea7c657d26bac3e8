"""Loads a model folder and computes the last token's logits; as a program: its argument is [dir, device, ids] in JSON."""
import json
import sys

import torch

from .llama_folder import load, logit_row


@torch.no_grad()
def first_logits(directory, device, ids):
    model = load(directory, device)
    return logit_row(model(torch.tensor([ids], device=device)).logits[0, -1])


if __name__ == "__main__":
    print(json.dumps(first_logits(*json.loads(sys.argv[1]))))

"""Logits of a batch with transformers: sdpa attention, no cache, no gradients."""
import torch

from .llama_folder import load, logit_row


class Case:
    def __init__(self, parameters):
        device, shape = parameters["device"], (parameters["batch"], parameters["length"])
        self.model = load(parameters["dir"], device)
        self.tokens = torch.tensor(parameters["ids"], device=device).view(shape)
        self.forms = {"transformers": self.run}

    @torch.no_grad()
    def run(self):
        return self.model(self.tokens, use_cache=False).logits

    def check(self, form):
        logits = self.run()
        return {
            "first": logit_row(logits[0, 0]),
            "middle": logit_row(logits[1, 100]),
            "last": logit_row(logits[-1, -1]),
        }


prepare = Case

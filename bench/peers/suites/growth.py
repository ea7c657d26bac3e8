"""How the time of transformers' forward pass grows: a value is the doubled case's time over that of the base."""
import statistics

import torch

from .llama_folder import load


class Case:
    def __init__(self, parameters):
        device = parameters["device"]

        def side(one):
            model = load(one["dir"], device)
            tokens = torch.tensor(one["ids"], device=device).view(one["batch"], one["length"])
            return lambda: model(tokens, use_cache=False).logits

        self.sides = [side(parameters["base"]), side(parameters["doubled"])]
        self.forms = {"transformers": None}

    @torch.no_grad()
    def measure(self, form, seconds, calls, timed):
        before, after = (statistics.median(timed(call, seconds / 2, calls)) for call in self.sides)
        return [after / before]


prepare = Case

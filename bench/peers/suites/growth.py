"""How the time of transformers' forward pass, and of a LoRA step with PEFT, grows: a value is the doubled case's time over the base's."""
import time

import torch

from . import lora_step
from .llama_folder import load


def forward_pass(one, device):
    model = load(one["dir"], device)
    tokens = torch.tensor(one["ids"], device=device).view(one["batch"], one["length"])
    return torch.no_grad()(lambda: model(tokens, use_cache=False).logits)


class Case:
    def __init__(self, parameters):
        sides = {name: parameters[name] for name in ("base", "doubled")}
        if parameters["of"] == "step":
            self.steps = {name: lora_step.Case(one) for name, one in sides.items()}
            self.calls = [step.forms["eager"] for step in self.steps.values()]
            self.forms = {"eager": None}
        else:
            self.steps = {}
            self.calls = [forward_pass(one, parameters["device"]) for one in sides.values()]
            self.forms = {"transformers": None}

    def measure(self, form, seconds, calls, timed):
        values, end = [], time.perf_counter() + seconds
        while not values or (len(values) < calls and time.perf_counter() < end):
            before, after = (timed(call, 0, 1)[0] for call in self.calls)
            values.append(after / before)
        return values

    def check(self, form):
        return {
            f"{side}.{name}": row
            for side, step in self.steps.items()
            for name, row in step.check(form).items()
        }


prepare = Case

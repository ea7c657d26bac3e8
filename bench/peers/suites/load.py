"""The same checkpoint with transformers: from_pretrained and one forward; importing it is not timed."""
import torch

from .llama_folder import load, logit_row


class Case:
    def __init__(self, parameters):
        self.device, self.path = parameters["device"], parameters["dir"]
        self.ids = parameters["ids"]
        self.forms = {"transformers": self.run}

    @torch.no_grad()
    def run(self):
        model = load(self.path, self.device)
        return logit_row(model(torch.tensor([self.ids], device=self.device)).logits[0, -1])

    def check(self, form):
        return {"last": self.run()}


prepare = Case

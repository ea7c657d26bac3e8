"""Greedy decoding with transformers: `generate()`, and the shortest loop over the model itself."""
import torch
from transformers import DynamicCache

from .llama_folder import load, logit_row


class Case:
    def __init__(self, parameters):
        device = parameters["device"]
        self.model = load(parameters["dir"], device)
        self.tokens = torch.tensor([parameters["ids"]], device=device)
        self.operations = self.fresh = parameters["fresh"]
        self.forms = {"generate": self.generate, "loop": self.loop}

    @torch.no_grad()
    def generate(self):
        mask = torch.ones_like(self.tokens)
        made = self.model.generate(
            self.tokens, attention_mask=mask, max_new_tokens=self.fresh, do_sample=False, pad_token_id=0
        )
        if made.shape[1] != self.tokens.shape[1] + self.fresh:
            raise RuntimeError("generate() stopped early")

    @torch.no_grad()
    def passes(self, count):
        """The last logits of as many passes, each fed with the best token of the one before."""
        cache, tokens = DynamicCache(config=self.model.config), self.tokens
        for _ in range(count):
            logits = self.model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
            yield logits
            tokens = logits.argmax().view(1, 1)

    def loop(self):
        for logits in self.passes(self.fresh):
            logits.argmax().item()

    def check(self, form):
        prompt, first = self.passes(2)
        return {"prompt": logit_row(prompt), "first": logit_row(first)}


prepare = Case

"""The naive knowledge analysis: zero the least half of a node group, measure the loss on all texts, restore; for each group."""
import math

import torch

from .llama_folder import load


class Case:
    def __init__(self, parameters):
        self.parameters = parameters
        device, shape = parameters["device"], (parameters["texts"], parameters["length"])
        self.model = load(parameters["dir"], device)
        self.tokens = torch.tensor(parameters["ids"], device=device).view(shape)
        self.forms = {"loop": self.run}

    @torch.inference_mode()
    def loss(self):
        return self.model(input_ids=self.tokens, labels=self.tokens, use_cache=False).loss.item()

    @torch.no_grad()
    def run(self):
        kv_heads = self.parameters["kvHeads"]
        losses = [self.loss()]
        for layer in self.model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            channels = mlp.gate_proj.weight.shape[0]
            producers = [attention.q_proj, attention.k_proj, attention.v_proj]
            for units, rows, reader in (
                (kv_heads, producers, attention.o_proj),
                (channels, [mlp.gate_proj, mlp.up_proj], mlp.down_proj),
            ):
                weights = [linear.weight for linear in rows]
                scores = sum(w.reshape(units, -1).float().square().sum(1) for w in weights)
                columns = reader.weight.float().square().sum(0)
                scores = scores + columns.view(units, -1).sum(1)
                least = scores.argsort()[: units // 2]
                saved = [w.clone() for w in weights]
                for w in weights:
                    w.view(units, -1)[least] = 0
                losses.append(self.loss())
                for w, before in zip(weights, saved):
                    w.copy_(before)
        return losses

    def check(self, form):
        losses = self.run()
        return {"losses": [math.sqrt(sum(x * x for x in losses)), *losses]}


prepare = Case

"""A LoRA training step with transformers, PEFT and AdamW: eager, and through torch.compile."""
import torch

from .random_llama import random_llama, stored_name


def lora_model(parameters):
    """The random model in training, and AdamW over its factors."""
    dtype = getattr(torch, parameters["dtype"])
    model = random_llama(parameters["config"], dtype, parameters["device"], parameters["r"], parameters["alpha"])
    trained = [p for p in model.parameters() if p.requires_grad]
    return model, torch.optim.AdamW(trained, lr=1e-4, weight_decay=0, fused=True)


def gradient_norms(model):
    """By kind of factor the norm of its gradients, then that of each layer."""
    norms = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            *path, factor, _ = stored_name(name).split(".")
            norms.setdefault(f"{path[-1]}.{factor}", []).append(parameter.grad.float().norm().item())
    return {kind: [sum(x * x for x in of_layers) ** 0.5, *of_layers] for kind, of_layers in norms.items()}


class Case:
    def __init__(self, parameters):
        self.model, self.optimizer = lora_model(parameters)
        shape = (parameters["batch"], parameters["length"])
        self.ids = torch.tensor(parameters["ids"], device=parameters["device"]).view(shape)
        compiled = torch.compile(self.model)
        self.forms = {"eager": lambda: self.step(self.model), "compiled": lambda: self.step(compiled)}

    def loss(self, model):
        return model(input_ids=self.ids, labels=self.ids).loss

    def step(self, model):
        self.loss(model).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def check(self, form):
        """The loss, and the norms of its gradients. Changes nothing."""
        loss = self.loss(self.model)
        loss.backward()
        found = {"loss": [loss.item(), loss.item()], **gradient_norms(self.model)}
        self.optimizer.zero_grad(set_to_none=True)
        return found


prepare = Case

"""A LoRA training step with transformers, PEFT and AdamW: eager, and through torch.compile."""
import torch

from .random_llama import random_llama, stored_name


class Case:
    def __init__(self, parameters):
        device, dtype = parameters["device"], getattr(torch, parameters["dtype"])
        self.layers = parameters["config"]["num_hidden_layers"]
        self.model = random_llama(parameters["config"], dtype, device, parameters["r"], parameters["alpha"])
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4, weight_decay=0, fused=True)
        shape = (parameters["batch"], parameters["length"])
        self.ids = torch.tensor(parameters["ids"], device=device).view(shape)
        compiled = torch.compile(self.model)
        self.forms = {"eager": lambda: self.step(self.model), "compiled": lambda: self.step(compiled)}

    def loss(self, model):
        return model(input_ids=self.ids, labels=self.ids).loss

    def step(self, model):
        self.loss(model).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def check(self, form):
        """The loss, and by kind of factor the norm of its gradients, then that of each layer. Changes nothing."""
        loss = self.loss(self.model)
        loss.backward()
        found = {"loss": [loss.item(), loss.item()]}
        norms = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                *path, factor, _ = stored_name(name).split(".")
                norms.setdefault(f"{path[-1]}.{factor}", []).append(parameter.grad.float().norm().item())
        for kind, of_layers in norms.items():
            found[kind] = [sum(x * x for x in of_layers) ** 0.5, *of_layers]
        self.optimizer.zero_grad(set_to_none=True)
        return found


prepare = Case

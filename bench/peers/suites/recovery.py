"""LoRA training on instructions with transformers, PEFT and AdamW: batches padded as DataCollatorForSeq2Seq does.

padded   a step's examples as they come, padded to the longest of them
grouped  the same examples sorted by their length first, as `group_by_length` does within 50 batches
"""
import torch

from .lora_step import gradient_norms, lora_model


class Case:
    def __init__(self, parameters):
        self.model, self.optimizer = lora_model(parameters)
        self.device, self.pad = parameters["device"], parameters["padId"]
        examples, size = parameters["examples"], parameters["perStep"]
        self.examples = examples
        orders = {"padded": examples, "grouped": sorted(examples, key=lambda e: -len(e["ids"]))}
        self.steps = {form: [of[i : i + size] for i in range(0, len(of), size)] for form, of in orders.items()}
        self.forms = {"padded": lambda: self.train("padded"), "grouped": lambda: self.train("grouped")}

    def collate(self, step):
        longest = max(len(example["ids"]) for example in step)

        def rows(of, fill):
            return torch.tensor([of(e) + [fill] * (longest - len(e["ids"])) for e in step], device=self.device)

        return {
            "input_ids": rows(lambda e: e["ids"], self.pad),
            "attention_mask": rows(lambda e: [1] * len(e["ids"]), 0),
            "labels": rows(lambda e: e["labels"], -100),
        }

    def train(self, form):
        for step in self.steps[form]:
            self.model(**self.collate(step)).loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)

    def check(self, form):
        """The mean loss over all targets, the norms of its gradients, and how many tokens and targets there are."""
        targets = [sum(label != -100 for e in step for label in e["labels"][1:]) for step in self.steps[form]]
        total = 0
        for step, count in zip(self.steps[form], targets):
            loss = self.model(**self.collate(step)).loss * (count / sum(targets))
            loss.backward()
            total += loss.item()
        useful = sum(len(e["ids"]) for e in self.examples)
        counts = [useful, useful, sum(targets)]
        found = {"loss": [total, total], **gradient_norms(self.model), "counts": counts}
        self.optimizer.zero_grad(set_to_none=True)
        return found


prepare = Case

"""Torch-Pruning's dependency graph and all of its groups, of transformers' Llama on meta tensors."""
import warnings

import torch
import torch_pruning
from transformers import LlamaConfig, LlamaForCausalLM

warnings.filterwarnings("ignore")

LENGTH = 64


class Case:
    def __init__(self, parameters):
        config = LlamaConfig(
            hidden_size=parameters["hidden"],
            num_hidden_layers=parameters["layers"],
            num_attention_heads=parameters["heads"],
            num_key_value_heads=parameters["kvHeads"],
            intermediate_size=parameters["intermediate"],
            vocab_size=parameters["vocabulary"],
            use_cache=False,
        )
        with torch.device("meta"):
            self.model = LlamaForCausalLM(config).eval()
            # Given a mask and positions, transformers asks no tensor for its values, which meta has none of.
            self.inputs = {
                "input_ids": torch.zeros((1, LENGTH), dtype=torch.long),
                "attention_mask": torch.zeros((1, 1, LENGTH, LENGTH)),
                "position_ids": torch.zeros((1, LENGTH), dtype=torch.long),
            }
        self.forms = {"torch_pruning": self.run}

    def run(self):
        graph = torch_pruning.DependencyGraph().build_dependency(
            self.model, example_inputs=self.inputs, output_transform=lambda output: output.logits
        )
        groups = list(
            graph.get_all_groups(
                ignored_layers=[self.model.lm_head], root_module_types=[torch.nn.Linear, torch.nn.Embedding]
            )
        )
        layers = len(self.model.model.layers)
        if len(groups) <= layers:
            raise RuntimeError(f"only {len(groups)} groups in {layers} layers")


prepare = Case

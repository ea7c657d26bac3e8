"""Structures of a LLaMA on meta by Torch-Pruning: the dependency graph, and every group of its linears and embeddings."""
import torch
import torch_pruning
import transformers


class Case:
    def __init__(self, parameters):
        config = transformers.LlamaConfig(
            hidden_size=parameters["hidden"],
            intermediate_size=parameters["intermediate"],
            num_hidden_layers=parameters["layers"],
            num_attention_heads=parameters["heads"],
            num_key_value_heads=parameters["kvHeads"],
            vocab_size=parameters["vocabulary"],
            use_cache=False,
        )
        length = parameters["length"]
        with torch.device("meta"):
            self.model = transformers.LlamaForCausalLM(config).eval()
            # A mask and positions are given because transformers would read values of the tokens to find them.
            self.inputs = {
                "input_ids": torch.zeros((1, length), dtype=torch.long),
                "attention_mask": torch.zeros((1, 1, length, length)),
                "position_ids": torch.zeros((1, length), dtype=torch.long),
            }
        self.forms = {"torch_pruning": self.discover}

    def discover(self):
        graph = torch_pruning.DependencyGraph().build_dependency(
            self.model, example_inputs=self.inputs, output_transform=lambda output: output.logits
        )
        roots = [torch.nn.Linear, torch.nn.Embedding]
        groups = graph.get_all_groups(ignored_layers=[self.model.lm_head], root_module_types=roots)
        return sum(1 for _ in groups)  # one at a time: each holds an index list for every layer it touches


prepare = Case

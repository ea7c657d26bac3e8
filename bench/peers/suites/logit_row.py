"""A row of numbers as a check, as logitRow of bench/llama_folder.ts."""


def logit_row(logits):
    """The root mean square, then the first 256."""
    values = logits.float()
    return [values.square().mean().sqrt().item(), *values[:256].tolist()]

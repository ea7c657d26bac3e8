"""What one call of an operator costs from Python; what it makes is freed before the next call."""
from itertools import repeat

import torch
import torch.nn.functional as F


def prepare(parameters):
    device, operation, operations = parameters["device"], parameters["operation"], parameters["operations"]

    def make(*shape):
        return torch.full(shape, 0.5, device=device)

    # The loop stands in every branch: calling a function from it would be counted as torch's.
    if operation == "add":
        a, b, add = make(1), make(1), torch.add

        def run():
            for _ in repeat(None, operations):
                add(a, b)

    elif operation == "linear":
        x, w, linear = make(16, 64), make(64, 64).requires_grad_(), F.linear

        def run():
            for _ in repeat(None, operations):
                linear(x, w)

    elif operation == "view":
        x = make(64)

        def run():
            for _ in repeat(None, operations):
                x.view(4, 16)

    elif operation == "scale":
        x = make(1)

        def run():
            for _ in repeat(None, operations):
                x * 2.5

    return Case(run if parameters["grad"] else torch.no_grad()(run), operations)


class Case:
    def __init__(self, run, operations):
        self.forms = {"torch": run}
        self.operations = operations

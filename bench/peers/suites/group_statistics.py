"""The sums of each group in PyTorch, a few tensor operations a matrix: u of the whole matrix, segmented sums."""
import torch

from .sliced_matrices import copies_of, make_blocks


class Case:
    def __init__(self, parameters):
        self.copies = copies_of(make_blocks(parameters), parameters["copies"])
        self.turn = 0
        self.scale = parameters["scale"]
        self.forms = {"vec": self.vec}

    @torch.no_grad()
    def vec(self):
        """(groups, 3): |x|^2, <x, u>, |u|^2; all groups of a block are active"""
        rows = []
        self.turn += 1
        for block in self.copies[self.turn % len(self.copies)]:
            n, sums = block.units, [0.0, 0.0, 0.0]
            for m in block.matrices:
                u = torch.mm(m.B, m.A).mul_(self.scale)
                for i, (a, b) in enumerate(((m.W, m.W), (m.W, u), (u, u))):
                    product = a * b
                    if m.axis == 0:
                        sums[i] = sums[i] + product.view(n, -1).sum(1, dtype=torch.float32)
                    else:
                        sums[i] = sums[i] + product.sum(0, dtype=torch.float32).view(n, -1).sum(1)
            rows.append(torch.stack(sums, 1))
        return torch.cat(rows)

    def check(self, form):
        return {f"group.{g}": row for g, row in enumerate(self.forms[form]().tolist())}


prepare = Case

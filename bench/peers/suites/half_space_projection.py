"""Three ways to write the half-space step in PyTorch.

For a group g with x = its slices of W and u = s [B]_g A, T steps left:
  x~ = x + u - x / T;  x = 0 if <x~, x> < eps ||x||^2 or T = 1 else x~;  [B]_g = 0.
loop  a Python loop over groups and matrices, the plain transcription of the algorithm
oto   as the OTO library is organised: masks of all groups, temporaries of whole matrices, and its report of sparsity
      and norms in every step
vec   a few tensor operations a matrix: the active slices gathered, one GEMM, segmented sums
"""
import torch

from .sliced_matrices import checksums, copies_of, make_blocks


def step_loop(blocks, s, T, eps):
    for block in blocks:
        for g in block.active.tolist():
            xs, us = [], []
            for m in block.matrices:
                rows = slice(g * m.per_unit, (g + 1) * m.per_unit)
                xs.append(m.W[rows].reshape(-1))
                us.append((s * (m.B[rows] @ m.A)).reshape(-1))
            x, u = torch.cat(xs), torch.cat(us)
            norm = x.norm()
            trial = x + u - (norm / T) * x / (norm + 1e-12)
            if T == 1 or torch.dot(trial, x) < eps * norm * norm:
                trial = torch.zeros_like(x)
            done = 0
            for m in block.matrices:
                rows = slice(g * m.per_unit, (g + 1) * m.per_unit)
                count = m.per_unit * m.W.shape[1]
                m.W[rows] = trial[done : done + count].view(m.per_unit, -1)
                done += count
                m.B[rows] = 0


def step_oto(blocks, s, T, eps):
    zeros, total = 0, 0.0
    for block in blocks:
        n, device = block.units, block.active.device
        mask = torch.zeros(n, dtype=torch.bool, device=device)
        mask[block.active.tolist()] = True
        norm2, dot, us = torch.zeros(n, device=device), torch.zeros(n, device=device), []
        for m in block.matrices:
            norm2 += torch.norm(m.W.view(n, -1), dim=1) ** 2
            u = s * (m.B @ m.A)
            us.append(u)
            dot += (u * m.W).view(n, -1).sum(1)
        keep = 1 - 1 / T
        dot = dot + keep * norm2
        zero = mask & ((dot < eps * norm2) if T > 1 else mask)
        for m, u in zip(block.matrices, us):
            rows = mask.repeat_interleave(m.per_unit)
            m.W[rows] = m.W[rows] * keep + u[rows]
            m.W[zero.repeat_interleave(m.per_unit)] = 0
            m.B[rows] = 0
        norms = None  # the report of every step
        for m in block.matrices:
            v = torch.norm(m.W.view(n, -1), dim=1) ** 2 + torch.norm(m.B.view(n, -1), dim=1) ** 2
            norms = v if norms is None else norms + v
        norms = norms.sqrt()
        zeros += int((norms == 0).sum().item())
        total += norms.sum().item()
    return zeros, total


def step_vec(blocks, s, T, eps):
    keep = 1 - 1 / T
    for block in blocks:
        R, work = block.active.numel(), []
        for m in block.matrices:
            k, d = m.per_unit, m.axis
            i = block.active
            if k > 1:
                i = (i[:, None] * k + torch.arange(k, device=i.device)).view(-1)
            x = m.W.index_select(d, i)
            if d == 0:
                u = torch.mm(m.B.index_select(0, i), m.A).mul_(s)
            else:
                u = torch.mm(m.B, m.A.index_select(1, i)).mul_(s)
            work.append((m, i, x, u))

        def per_group(t, m):
            """float32 sums of the slices of each group"""
            return t.view(R, -1).float().sum(1) if m.axis == 0 else t.float().sum(0).view(R, -1).sum(1)

        norm2 = sum(per_group(x.float().square(), m) for m, _, x, _ in work)
        dot = sum(per_group(x * u, m) for m, _, x, u in work) + keep * norm2
        alive = (dot >= eps * norm2).to(work[0][2].dtype) * (0.0 if T == 1 else 1.0)
        for m, i, x, u in work:
            x.mul_(keep).add_(u)
            if m.axis == 0:
                x.view(R, -1).mul_(alive[:, None])
                m.B.index_fill_(0, i, 0)
            else:
                x.mul_(alive.repeat_interleave(m.per_unit))
                m.A.index_fill_(1, i, 0)
            m.W.index_copy_(m.axis, i, x)


steps = {"loop": step_loop, "oto": step_oto, "vec": step_vec}


def factors(blocks):
    """what is cut along with W: B where slices are rows, A where they are columns"""
    return [m.B if m.axis == 0 else m.A for block in blocks for m in block.matrices]


class Case:
    def __init__(self, parameters):
        self.copies = copies_of(make_blocks(parameters), parameters["copies"])
        self.turn = 0
        self.scale = parameters["scale"]
        self.checked = parameters["checked"]
        self.factors = [t.clone() for t in factors(self.copies[0])]
        remaining = parameters["remaining"]

        def form(step):
            return torch.no_grad()(lambda: step(self.blocks(), self.scale, remaining, 0.0))

        self.forms = {name: form(step) for name, step in steps.items()}

    def blocks(self):
        """the copy whose turn it is: with many, none is in a cache"""
        return self.copies[self.turn % len(self.copies)]

    def restore(self, blocks):
        for t, before in zip(factors(blocks), self.factors):
            t.copy_(before)

    def reset(self):
        self.turn += 1
        self.restore(self.blocks())

    @torch.no_grad()
    def check(self, form):
        blocks = self.copies[0]
        self.restore(blocks)
        W = [m.W for block in blocks for m in block.matrices]
        W0 = [t.clone() for t in W]
        steps[form](blocks, self.scale, self.checked["remaining"], self.checked["epsilon"])
        sums = checksums(W, "W") | checksums(factors(blocks), "factor")
        for t, before in zip(W, W0):
            t.copy_(before)
        return sums


prepare = Case

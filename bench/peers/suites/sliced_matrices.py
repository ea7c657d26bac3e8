"""The matrices of bench/sliced_matrices.ts in PyTorch: the same shapes, groups and values."""
from dataclasses import dataclass, replace

import torch


def wave(rows, columns, seed, amplitude, device):
    down = (torch.arange(0, rows, dtype=torch.float32, device=device) * 12.9898).reshape(rows, 1)
    along = torch.arange(0, columns, dtype=torch.float32, device=device) * 78.233
    return torch.sin(down + along + seed) * amplitude


@dataclass
class Matrix:
    W: torch.Tensor
    B: torch.Tensor
    A: torch.Tensor
    per_unit: int
    axis: int


@dataclass
class Block:
    units: int
    active: torch.Tensor
    matrices: list


def make_blocks(parameters):
    rank, device, dtype = parameters["rank"], parameters["device"], getattr(torch, parameters["dtype"])
    blocks, count = [], 0
    for block in parameters["blocks"]:
        matrices = []
        for shape in block["matrices"]:
            rows, columns, seed = shape["rows"], shape["columns"], 3 * count
            W = wave(rows, columns, seed, 0.02, device).to(dtype)
            B = wave(rows, rank, seed + 1, 0.1, device).to(dtype)
            A = wave(rank, columns, seed + 2, 0.04, device).to(dtype)
            matrices.append(Matrix(W, B, A, shape["perUnit"], shape["axis"]))
            count += 1
        blocks.append(Block(block["units"], torch.tensor(block["active"], device=device), matrices))
    return blocks


def copies_of(blocks, count):
    """`count` lists of the same values in memory of their own, the given one first"""

    def copy(m):
        return replace(m, W=m.W.clone(), B=m.B.clone(), A=m.A.clone())

    return [blocks] + [
        [replace(block, matrices=[copy(m) for m in block.matrices]) for block in blocks] for _ in range(count - 1)
    ]


def checksums(tensors, name):
    sums = {}
    for i, t in enumerate(tensors):
        values = t.float()
        norm = values.square().sum().sqrt().item()
        amplitude = (2 / t.numel()) ** 0.5  # a wave of norm 1
        placed = (values * wave(*t.shape, 999, amplitude, t.device)).sum().item()
        sums[f"{name}.{i}"] = [norm, placed]
    return sums

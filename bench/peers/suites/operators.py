"""The operators of a block as transformers writes them (modeling_llama.py), without gradients."""
import torch
import torch.nn.functional as F

from .logit_row import logit_row


def inputs(shape, dtype, device):
    count = torch.Size(shape).numel()
    values = ((torch.arange(count) * 7919 + 13) % 1009).double() / 1008 - 0.5
    return values.view(shape).to(device, getattr(torch, dtype))


def rms_norm(x, weight):
    dtype, x = x.dtype, x.float()
    x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    return weight * x.to(dtype)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def attention(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


@torch.enable_grad()
def attention_gradients(*given):
    for x in given:
        x.requires_grad, x.grad = True, None
    attention(*given).sum().backward()
    return given[0].grad


OPERATORS = {
    "attention": attention,
    "attention_gradients": attention_gradients,
    "rms_norm": rms_norm,
    "silu": lambda gate, up: F.silu(gate) * up,
    "rotate": rotate,
    "linear": F.linear,
}


class Case:
    def __init__(self, parameters):
        self.operator = OPERATORS[parameters["operator"]]
        dtype, device = parameters["dtype"], parameters["device"]
        self.tensors = [inputs(shape, dtype, device) for shape in parameters["shapes"]]
        self.forms = {"eager": self.run}

    @torch.no_grad()
    def run(self):
        return self.operator(*self.tensors)

    def check(self, form):
        return {"result": logit_row(self.run().flatten())}


prepare = Case

"""Cuts half of the heads and channels of a LLaMA folder with torch and safetensors; also a program: -m suites.cut_folder DIR OUT"""
import json
import os
import resource
import shutil
import sys
import time

import torch
from safetensors import safe_open
from safetensors.torch import save_file


def kept(units, layer):
    """Units that stay, as bench/cut_folder.ts chooses them."""
    key = [((u + 1) * (0x9E3779B1 + 2 * layer)) & 0xFFFFFFFF for u in range(units)]
    order = sorted(range(units), key=key.__getitem__)
    return torch.tensor(sorted(order[units // 2 :]))


def cut_half(folder, out):
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    heads, channels = config["num_key_value_heads"], config["intermediate_size"]
    width = config["hidden_size"] // config["num_attention_heads"]
    per_head = config["num_attention_heads"] // heads
    tensors = {}
    with safe_open(os.path.join(folder, "model.safetensors"), framework="pt") as file:
        for name in file.keys():
            weight = file.get_tensor(name)
            parts = name.split(".")
            if len(parts) > 4 and parts[1] == "layers":
                layer, kind = int(parts[2]), parts[4]
                head, channel = kept(heads, layer), kept(channels, layer)
                rows = lambda size: (head[:, None] * size + torch.arange(size)).view(-1)
                if kind in ("k_proj", "v_proj"):
                    weight = weight[rows(width)]
                elif kind == "q_proj":
                    weight = weight[rows(width * per_head)]
                elif kind == "o_proj":
                    weight = weight[:, rows(width * per_head)]
                elif kind in ("gate_proj", "up_proj"):
                    weight = weight[channel]
                elif kind == "down_proj":
                    weight = weight[:, channel]
            tensors[name] = weight.contiguous()
        stay = heads - heads // 2
        config.update(num_key_value_heads=stay, num_attention_heads=stay * per_head)
        config.update(head_dim=width, intermediate_size=channels - channels // 2)
        os.makedirs(out, exist_ok=True)
        path = os.path.join(out, "model.safetensors")
        save_file(tensors, path, metadata={"format": "pt"})
    with open(os.path.join(out, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    written = os.open(path, os.O_RDONLY)
    os.fsync(written)
    os.close(written)


if __name__ == "__main__":
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    start = time.perf_counter()
    cut_half(*sys.argv[1:3])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "peakMiB": peak}))

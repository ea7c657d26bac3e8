"""The same folder cut with torch and safetensors: mapped, sliced, saved, flushed."""
import os
import shutil

from safetensors import safe_open

from .cut_folder import cut_half


class Case:
    def __init__(self, parameters):
        self.dir, self.out, self.rows = parameters["dir"], parameters["out"] + "-peer", parameters["rows"]
        self.forms = {"torch": lambda: cut_half(self.dir, self.out)}

    def reset(self):
        shutil.rmtree(self.out, ignore_errors=True)

    def check(self, form):
        self.reset()
        self.forms[form]()
        with safe_open(os.path.join(self.out, "model.safetensors"), framework="pt") as file:
            rows = {name: file.get_slice(name)[row].float() for name, row in self.rows}
        return {name: [row.square().mean().sqrt().item(), *row[:64].tolist()] for name, row in rows.items()}


prepare = Case

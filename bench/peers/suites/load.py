"""The same checkpoint with transformers: from_pretrained and one forward, here or in a new process."""
import json
import pathlib
import subprocess
import sys

from .first_logits import first_logits

SCRIPT = "suites.first_logits"


class Case:
    def __init__(self, parameters):
        self.arguments = parameters["dir"], parameters["device"], parameters["ids"]
        self.fresh = parameters["fresh"]
        self.forms = {"transformers": self.run}

    def run(self):
        if not self.fresh:
            return first_logits(*self.arguments)
        command = [sys.executable, "-m", SCRIPT, json.dumps(self.arguments)]
        folder = pathlib.Path(__file__).parent.parent
        return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)

    def check(self, form):
        return {"last": self.run()}


prepare = Case

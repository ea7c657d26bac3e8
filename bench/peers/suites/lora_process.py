"""Programs that train with transformers and PEFT: how long until the first step is done, how much memory they take."""
import json
import pathlib
import subprocess
import sys
import time

SCRIPT = "suites.first_steps"


class Case:
    def __init__(self, parameters):
        self.parameters = parameters
        self.forms = {"eager": lambda: self.run("eager"), "compiled": lambda: self.run("compiled")}

    def run(self, form):
        command = [sys.executable, "-m", SCRIPT, json.dumps([self.parameters, form])]
        folder = pathlib.Path(__file__).parent.parent
        return float(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)

    def measure(self, form, seconds, calls, timed):
        start = time.perf_counter()
        mib = self.run(form)
        taken = time.perf_counter() - start
        return [taken if self.parameters["unit"] == "s" else mib]


prepare = Case

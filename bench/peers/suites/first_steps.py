"""Training steps in a program of its own, which prints its largest memory in MiB; argument: [parameters, form] in JSON."""
import json
import resource
import sys

from .lora_step import Case

if __name__ == "__main__":
    parameters, form = json.loads(sys.argv[1])
    case = Case(parameters)
    for _ in range(parameters["steps"]):
        case.forms[form]()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

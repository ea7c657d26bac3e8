"""A peer's side of a comparison: python serve.py SUITE DEVICE, one JSON line asks, one JSON line answers.

A suite is a module of `suites/` with `prepare(parameters) -> case`; a case has `forms`, a dict of functions that take
nothing and do one call, and may have
  reset()       not timed, before each call
  operations    how many operations a call does (1)
  check(form)   the result on fresh inputs as {name: [norm, sums ...]}
  measure(form, seconds, calls, timed)   the values themselves, where they are no times of one call; timed(call, seconds,
                calls) gives those of a call
"""
import gc
import importlib
import json
import os
import sys
import time

import torch

suite = importlib.import_module("suites." + sys.argv[1])
device = sys.argv[2]
threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
torch.set_num_threads(threads)
case = None


def measure(call, seconds, calls):
    reset = getattr(case, "reset", lambda: None)
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    operations = getattr(case, "operations", 1)
    values, end = [], time.perf_counter() + seconds
    gc.disable()  # as timeit does
    while True:
        reset()
        wait()
        start = time.perf_counter()
        call()
        wait()
        values.append((time.perf_counter() - start) / operations)
        if len(values) >= calls or time.perf_counter() >= end:
            break
    gc.enable()
    return values


def answer(request):
    global case
    what = request["do"]
    if what == "facts":
        return {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "capability": torch.backends.cpu.get_cpu_capability(),
        }
    if what == "prepare":
        case = suite.prepare(request["parameters"])
        return None
    if what == "check":
        return case.check(request["form"]) if hasattr(case, "check") else {}
    if what == "measure":
        form, budget = request["form"], (request["seconds"], request["calls"])
        if hasattr(case, "measure"):
            return {"values": case.measure(form, *budget, measure)}
        return {"values": measure(case.forms[form], *budget)}
    if what == "drop":
        case = None
        gc.collect()
        return None
    raise ValueError(f"unknown question {what}")


for line in sys.stdin:
    try:
        reply = {"ok": answer(json.loads(line))}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)

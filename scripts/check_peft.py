"""Does PEFT load the adapters that we write, without a warning, and compute what we compute?

    node scripts/bootstrap.mjs && python scripts/check_peft.py        (needs torch, transformers and peft)

Has scripts/peft_adapters.ts write adapters over tiny models, loads each with PEFT on transformers' model, and prints the
largest difference of logits relative to the largest logit: with the branch, merged, unmerged, and after PEFT saved the
adapter again. Ends with 1 above 1e-5.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).parent.parent
LIMIT = 1e-5


def differences(adapter, expected):
    base = expected['base']
    tokens = torch.tensor(expected['tokens'])
    wanted = torch.tensor(expected['logits'], dtype=torch.float64)
    said = []

    def gap(name, model):
        with torch.no_grad():
            logits = model(tokens).logits.double().flatten()
        said.append((name, ((logits - wanted).abs().max() / wanted.abs().max()).item()))

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
    with safe_open(adapter / 'adapter_model.safetensors', 'pt') as file:
        factors = {name.replace('.default', '') for name, _ in model.named_parameters() if 'lora_' in name}
        assert factors == set(file.keys()), 'PEFT made other factors than the file holds'
    gap('branch', model)
    with model.disable_adapter():
        gap('without', model)
    assert said.pop()[1] > 1e-2, 'the adapter changes nothing, so this shows nothing'
    model.merge_adapter()
    gap('merged', model)
    model.unmerge_adapter()
    gap('unmerged', model)
    again = adapter.with_name(f'{adapter.name}-again')
    model.save_pretrained(again, save_embedding_layers=False)
    ours, theirs = (json.loads((folder / 'adapter_config.json').read_text()) for folder in (adapter, again))
    for config in (ours, theirs):
        if isinstance(config['target_modules'], list):
            config['target_modules'].sort()
    assert ours == theirs, 'PEFT saves another config than it read'
    gap('saved again', PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), again))
    return said


def main():
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['node', ROOT / 'dist/scripts/peft_adapters.js', folder], check=True)
        for adapter in sorted(path.with_suffix('') for path in Path(folder).glob('*/*.json')):
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter('always')
                said = differences(adapter, json.loads(adapter.with_suffix('.json').read_text()))
            ours = [str(w.message) for w in heard if 'peft' in w.filename and 'embedding' not in str(w.message)]
            print(f'{adapter.parent.name}/{adapter.name}: ' + ', '.join(f'{name} {value:.1e}' for name, value in said)
                  + ''.join(f'\n  warning: {text}' for text in ours))
            worst = max([worst, *(value for _, value in said)])
    print(f'largest: {worst:.1e}, limit {LIMIT}')
    sys.exit(worst > LIMIT)


if __name__ == '__main__':
    main()

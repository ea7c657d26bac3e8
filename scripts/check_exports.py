"""Does transformers load what we export in each form, and compute what we compute?

    node scripts/bootstrap.mjs && python scripts/check_exports.py [FAMILY]        (needs torch, transformers and peft)

Has scripts/export_forms.ts cut every family fixture and export it as uniform, padded and per-layer; loads each folder
(per-layer with trust_remote_code, the others without any code of ours), compares all logits, and lets it generate 20
tokens, which must be ours. Does the same with a base and an adapter beside it, which PEFT finds by the adapter's config. Prints a table; ends with 1 above 1e-5 of the logits' scale or with other tokens.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ROOT = Path(__file__).parent.parent
LIMIT = 1e-5


def loaded(folder, trust):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=trust, output_loading_info=True
    )
    for what in ('missing_keys', 'unexpected_keys', 'mismatched_keys'):
        assert not info[what], f'{what}: {sorted(map(str, info[what]))[:3]}'
    return model.eval()


def check(folder, expected):
    """Largest difference of logits as a share of their scale, and whether the generated tokens are ours."""
    trust = expected['form'] == 'per-layer'
    wanted = torch.tensor(expected['logits'], dtype=torch.float64)
    prompt = torch.tensor([expected['prompt']])

    def run(model):
        with torch.no_grad():
            logits = model(torch.tensor(expected['tokens'])).logits.double()
            made = model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=20,
                min_new_tokens=20,
                do_sample=False,
                eos_token_id=None,
            )
        gap = ((logits - wanted).abs().max() / wanted.abs().max()).item()
        return gap, made[0, prompt.shape[1]:].tolist() == expected['greedy']

    if expected['form'] == 'adapter':
        trust = expected['base'] == 'per-layer'
        model = AutoPeftModelForCausalLM.from_pretrained(
            folder / 'adapter', dtype=torch.float32, trust_remote_code=trust
        ).eval()
        return run(model)
    model = loaded(folder, trust)
    gap, same = run(model)
    if model.config.model_type == 'nemotron-nas':
        check_blocks(model)
    if trust:
        # What transformers saves again is the same model.
        again = folder.with_name(f'{folder.name}-again')
        model.save_pretrained(again)
        more, also = run(loaded(again, trust))
        gap, same = max(gap, more), same and also
    return gap, same


def check_blocks(model):
    """block_configs as vLLM's DeciLM reads them (nemotron_nas.py) against the weights."""
    config = model.config
    for layer, block in zip(model.model.layers, config.block_configs):
        assert block.attention.no_op == (not hasattr(layer.self_attn, 'q_proj'))
        if not block.attention.no_op:
            kv = config.num_attention_heads // block.attention.n_heads_in_group
            assert layer.self_attn.k_proj.out_features == kv * config.head_dim
            assert layer.self_attn.q_proj.out_features == config.num_attention_heads * config.head_dim
        assert block.ffn.no_op == (not hasattr(layer.mlp, 'up_proj'))
        if not block.ffn.no_op:
            size = block.ffn.intermediate_size
            if hasattr(block.ffn, 'ffn_mult'):
                size = int(2 * block.ffn.ffn_mult * config.hidden_size / 3)
                size += -size % 256
            assert layer.mlp.up_proj.out_features == size


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['node', ROOT / 'dist/scripts/export_forms.js', folder, *sys.argv[1:]], check=True)
        for path in sorted(Path(folder).glob('*.json')):
            expected = json.loads(path.read_text())
            line = f"{expected['name']:24} {expected['cut']:8} {expected['form']:10} "
            if 'refused' in expected:
                print(f"{line}refused: {expected['refused']}")
                continue
            if 'per-layer' in (expected['form'], expected.get('base')) and not expected['exported']['engines'][0]['loads']:
                print(f'{line}no modelling file')
                continue
            try:
                gap, same = check(path.with_suffix(''), expected)
            except Exception as problem:  # noqa: BLE001
                print(f'{line}FAILED: {type(problem).__name__} {str(problem)[:300]}')
                bad += 1
                continue
            kind = expected['exported']['modelType']
            waste = expected['exported'].get('waste', {}).get('parameters')
            print(f'{line}{kind:14} {gap:.1e} {"same tokens" if same else "OTHER TOKENS"}'
                  + ('' if waste is None else f', {waste} zeros of {expected["exported"]["parameters"]}'))
            bad += gap > LIMIT or not same
    print(f'{bad} bad')
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()

"""Do our exports become GGUF files as llama.cpp reads them?

    node scripts/bootstrap.mjs && pip install gguf && python scripts/check_gguf.py [FOLDER ...]

pip's `gguf` has the writer, the reader and the names of tensors, but not convert_hf_to_gguf.py; so this script is the
converter: for `llama` what conversion/llama.py does, for DeciLM's block_configs what conversion/deci.py does, both read
and written anew. The tokenizer is left out. Each file is read back with the package's reader: metadata against
config.json and shapes against the metadata, as llama.cpp's loader asks for them. Without FOLDER, scripts/gguf_folders.ts
makes some. Ends with 1 if anything differs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).parent.parent


def tensors_of(folder):
    for path in sorted(folder.glob('*.safetensors')):
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], 'little')
        for name, entry in json.loads(data[8:start]).items():
            if name == '__metadata__':
                continue
            assert entry['dtype'] == 'F32', f'{name} is {entry["dtype"]}: export it as float32 for this check'
            begin, end = entry['data_offsets']
            yield name, np.frombuffer(data[start + begin:start + end], np.float32).reshape(entry['shape'])


def ffn_size(mult, width):
    """DeciLM: the factor becomes a size, up to a multiple of 256; none is no feed-forward."""
    size = int(2 * (mult or 0.0) * width / 3)
    return size if size % 256 == 0 else size + 256 - size % 256


def layers_of(config):
    """Query heads, kv heads and feed-forward of each layer, as the converters read them."""
    heads, width = config['num_attention_heads'], config['hidden_size']
    if config['architectures'] != ['DeciLMForCausalLM']:
        one = (heads, config['num_key_value_heads'], config['intermediate_size'])
        return [one] * config['num_hidden_layers']
    assert isinstance(config['block_configs'][0]['ffn']['ffn_mult'], float), 'the converter asserts a float'
    return [
        (
            heads if block['attention']['n_heads_in_group'] else 0,
            heads // (block['attention']['n_heads_in_group'] or heads + 1),
            ffn_size(block['ffn']['ffn_mult'], width),
        )
        for block in config['block_configs']
    ]


def permuted(weight, heads):
    """Pairs of features as llama.cpp turns them."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def convert(folder, path):
    config = json.loads((folder / 'config.json').read_text())
    deci = config['architectures'] == ['DeciLMForCausalLM']
    assert deci or config['architectures'][0] in ('LlamaForCausalLM', 'MistralForCausalLM'), config['architectures']
    arch = gguf.MODEL_ARCH.DECI if deci else gguf.MODEL_ARCH.LLAMA
    layers = layers_of(config)
    heads, kv, ffn = (list(column) if deci else column[0] for column in zip(*layers))
    head_dim = config['hidden_size'] // config['num_attention_heads'] if deci else config['head_dim']
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_block_count(len(layers))
    writer.add_context_length(config['max_position_embeddings'])
    writer.add_embedding_length(config['hidden_size'])
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    rope = config.get('rope_parameters') or {}
    assert rope.get('rope_type', 'default') == 'default', 'positions are scaled'
    writer.add_rope_freq_base(config['rope_theta'] if 'rope_theta' in config else rope['rope_theta'])
    writer.add_layer_norm_rms_eps(config['rms_norm_eps'])
    writer.add_vocab_size(config['vocab_size'])
    names = gguf.get_tensor_name_map(arch, len(layers))
    for name, tensor in tensors_of(folder):
        to = names.get_name(name, try_suffixes=('.weight', '.bias'))
        assert to is not None, f'llama.cpp knows no tensor {name}'
        if '.q_proj.' in name or '.k_proj.' in name:
            layer = layers[int(name.split('.')[2])]
            tensor = permuted(tensor, layer[0] if '.q_proj.' in name else layer[1])
        writer.add_tensor(to, np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return config, layers


def check(path, config, layers):
    """The shapes that llama.cpp's loader asks for by the file's metadata (src/models/llama.cpp, deci.cpp)."""
    reader = gguf.GGUFReader(path)
    arch = reader.get_field('general.architecture').contents()

    def field(name):
        found = reader.get_field(f'{arch}.{name}').contents()
        return found if isinstance(found, list) else [found] * len(layers)

    width = field('embedding_length')[0]
    head_dim = field('attention.key_length')[0]
    vocabulary = config['vocab_size']
    shapes = {'token_embd.weight': [width, vocabulary], 'output_norm.weight': [width]}
    if not config['tie_word_embeddings']:
        shapes['output.weight'] = [width, vocabulary]
    sizes = list(zip(field('attention.head_count'), field('attention.head_count_kv'), field('feed_forward_length')))
    assert sizes == layers, f'{sizes} is not {layers}'
    for i, (heads, kv, ffn) in enumerate(sizes):
        if heads:
            assert kv and heads % kv == 0
            shapes |= {
                f'blk.{i}.attn_norm.weight': [width],
                f'blk.{i}.attn_q.weight': [width, heads * head_dim],
                f'blk.{i}.attn_k.weight': [width, kv * head_dim],
                f'blk.{i}.attn_v.weight': [width, kv * head_dim],
                f'blk.{i}.attn_output.weight': [heads * head_dim, width],
            }
        if ffn:
            shapes |= {
                f'blk.{i}.ffn_norm.weight': [width],
                f'blk.{i}.ffn_gate.weight': [width, ffn],
                f'blk.{i}.ffn_up.weight': [width, ffn],
                f'blk.{i}.ffn_down.weight': [ffn, width],
            }
    found = {tensor.name: [int(n) for n in tensor.shape] for tensor in reader.tensors}
    assert found == shapes, {name: (found.get(name), shapes.get(name)) for name in found | shapes
                             if found.get(name) != shapes.get(name)}
    return arch


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(name) for name in sys.argv[1:]]
        if not folders:
            subprocess.run(['node', ROOT / 'dist/scripts/gguf_folders.js', scratch], check=True)
            folders = [path for path in sorted(Path(scratch).iterdir()) if path.suffix != '.dense']
        for folder in folders:
            path = Path(scratch) / f'{folder.name}.gguf'
            try:
                config, layers = convert(folder, path)
                print(f'{folder.name}: {check(path, config, layers)}, heads, kv heads, channels {sorted(set(layers))}')
            except (AssertionError, KeyError) as problem:
                print(f'{folder.name}: FAILED {type(problem).__name__} {problem}')
                bad += 1
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()

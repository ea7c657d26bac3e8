// Does llama.cpp have a graph for the model, and does it take its heads? Read from src/models, not run.
import {
  type Candidate,
  type Rule,
  type Verdict,
  alikeLayers,
  headsInWords,
  isSquare,
  judged,
  sharedHeads,
} from './engine.js';

/** `any`: wo is n_head·n_embd_head × n_embd. `square`: it is n_embd × n_embd. */
type Heads = 'any' | 'square' | 'unread';

/** By model_type: the GGUF architecture and the heads that it takes. */
const families: Readonly<Record<string, readonly [arch: string, heads: Heads]>> = {
  llama: ['llama', 'any'],
  mistral: ['llama', 'any'],
  mixtral: ['llama', 'any'],
  qwen3: ['qwen3', 'any'],
  qwen3_moe: ['qwen3moe', 'any'],
  gemma: ['gemma', 'any'],
  gemma2: ['gemma2', 'any'],
  gemma3_text: ['gemma3', 'any'],
  glm4: ['glm4', 'any'],
  qwen2: ['qwen2', 'unread'],
  cohere: ['command-r', 'unread'],
  olmo2: ['olmo2', 'square'],
  phi3: ['phi3', 'square'],
  phi: ['phi2', 'square'],
  starcoder2: ['starcoder2', 'square'],
  stablelm: ['stablelm', 'square'],
  gpt2: ['gpt2', 'square'],
  gpt_neox: ['gptneox', 'square'],
  falcon: ['falcon', 'square'],
};

const source = 'llama.cpp src/models (read, not run)';

export function llamaCpp(candidate: Candidate): Verdict {
  const { modelType } = candidate;
  const [arch, heads] = families[modelType] ?? [];
  const square = isSquare(candidate);
  const deci =
    arch === 'llama'
      ? ': only the deci architecture reads arrays, and the converter writes them for no LLaMA'
      : '';
  const rules: Rule[] = [
    {
      rule: 'there is an architecture for the family',
      ok: arch !== undefined,
      detail: arch === undefined ? `none for ${modelType}` : `'${arch}'`,
      source,
    },
    alikeLayers(
      candidate,
      `'${arch ?? modelType}' has one n_head, n_head_kv and n_ff for all layers${deci}`,
      'src/models/llama.cpp @069be0a, src/models/deci.cpp',
    ),
    sharedHeads(candidate, source),
  ];
  if (heads) {
    const takes = {
      any: `'${arch ?? ''}' reads attention.key_length`,
      square: `'${arch ?? ''}' has an output projection of n_embd × n_embd`,
      unread: `whether '${arch ?? ''}' takes it has not been read`,
    }[heads];
    rules.push({
      rule: 'head_dim is read, or heads·head_dim is the hidden size',
      ok: square || heads === 'any',
      detail: `${headsInWords(candidate)}${square ? '' : `; ${takes}`}`,
      source,
    });
  }
  return judged('llama.cpp', rules);
}

// Does vLLM take the model, and on how many GPUs? Read from its model files, not run.
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

/** By model_type: whether its class reads head_dim; the others take hidden_size / heads. */
const readsHeadDim: Readonly<Record<string, boolean>> = {
  llama: true,
  mistral: true,
  mixtral: true,
  qwen3: true,
  qwen3_moe: true,
  gemma: true,
  gemma2: true,
  gemma3_text: true,
  glm4: true,
  phi3: true, // its class is LLaMA's
  qwen2: false,
  cohere: false,
  olmo2: false,
  phi: false,
  starcoder2: false,
  gpt2: false,
  gpt_neox: false,
  opt: false,
  falcon: false,
  stablelm: false,
};

const parallel = [1, 2, 4, 8] as const;

const source = 'vllm/model_executor/models (read, not run)';

export function vllm(candidate: Candidate): Verdict {
  const { modelType } = candidate;
  const reads = readsHeadDim[modelType];
  const square = isSquare(candidate);
  const rules: Rule[] = [
    {
      rule: 'there is a class for the family',
      ok: reads !== undefined,
      detail: reads === undefined ? `none is known for ${modelType}` : modelType,
      source,
    },
    alikeLayers(
      candidate,
      'only DeciLMForCausalLM reads block_configs, with the same query heads in all layers',
      'vllm nemotron_nas.py @00bd149; PR #36512 is open',
    ),
    sharedHeads(candidate, source),
  ];
  if (reads !== undefined) {
    rules.push({
      rule: 'head_dim is read, or heads·head_dim is the hidden size',
      ok: square || reads,
      detail: `${headsInWords(candidate)}${square ? '' : `; the class of ${modelType} ${reads ? 'reads head_dim' : 'takes hidden_size / heads'}`}`,
      source:
        reads || square ? source : `${source}: self.head_dim = hidden_size // total_num_heads`,
    });
  }
  const sizes = parallel.filter((n) => splits(candidate, n));
  rules.push({
    rule: 'heads can be shared among 1, 2, 4 or 8 GPUs',
    ok: sizes.length > 0,
    detail: `tensor_parallel_size ${sizes.join(', ')}`,
    source: `${source}: assert total_num_heads % tp_size == 0`,
  });
  return judged('vllm', rules, notesOf(candidate, sizes));
}

/** Query heads and channels are divided; so are key-value heads, or they are repeated. */
function splits({ heads, kvHeads, channels }: Candidate, gpus: number): boolean {
  const keys = kvHeads >= gpus ? kvHeads % gpus === 0 : gpus % kvHeads === 0;
  return heads % gpus === 0 && keys && (channels === null || channels % gpus === 0);
}

function notesOf({ headDim }: Candidate, sizes: readonly number[]): string[] {
  const lost = parallel.filter((n) => !sizes.includes(n));
  return [
    ...(lost.length > 0 ? [`not with tensor_parallel_size ${lost.join(', ')}`] : []),
    ...([64, 128, 256].includes(headDim)
      ? []
      : [
          `heads of ${headDim}: FlashInfer takes 64, 128 and 256 only, another backend has to serve`,
        ]),
  ];
}

// Does transformers build the model that config.json says? Asked of version 5.24 itself (scripts/fixtures/engines.py).
import { type StockHeads, stockHeads } from '../../checkpoint/stock_heads.js';
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

const tested = 'tested with transformers 5.24 (test/fixtures/engines.json)';

export function transformers(candidate: Candidate): Verdict {
  const { modelType, exportReason } = candidate;
  const family = stockHeads[modelType];
  const known: Rule = {
    rule: 'the family has been tested',
    ok: family !== undefined,
    detail: family ? `${modelType} has` : `nobody has tried a cut ${modelType}`,
    source: tested,
  };
  const rules = [
    known,
    {
      ...alikeLayers(
        candidate,
        'per_layer_config is recorded from 5.15 on, and no model is built from it',
        `${tested}; transformers PRs #45333, #45332`,
      ),
      since: '5.15',
    },
    sharedHeads(candidate, 'tested with transformers 5.24; its config accepts it (#48643)'),
    ...(family ? headRules(candidate, family) : []),
  ];
  return judged('transformers', rules, exportReason === undefined ? [] : [exportReason]);
}

function headRules(candidate: Candidate, { headDim, divides }: StockHeads): Rule[] {
  const { heads, width, modelType } = candidate;
  const square = isSquare(candidate);
  return [
    {
      rule: 'head_dim is read, or heads·head_dim is the hidden size',
      ok: square || headDim,
      detail: `${headsInWords(candidate)}${square ? '' : `; ${modelType} ${headDim ? 'reads head_dim' : 'takes hidden_size / heads for head_dim'}`}`,
      source: modelType === 'llama' ? `${tested}; PR #32857` : tested,
      // Before, LlamaAttention raised a ValueError.
      ...(modelType === 'llama' && !square ? { since: '4.45' } : {}),
    },
    {
      rule: 'the hidden size is a multiple of the heads, where the family asks for it',
      ok: !divides || width % heads === 0,
      detail: `${width} / ${heads}${divides ? '' : `; ${modelType} does not ask`}`,
      source: `${tested}; #46082`,
      since: '5.0',
    },
  ];
}

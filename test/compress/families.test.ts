// Every family and every kind of group: what is zero is cut, and the logits stay (algorithm.md §1.1, §4).
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { type GroupKind, cuttableKinds } from '../../lib/groups/group.js';
import { mergeLora } from '../../lib/lora/lora.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { withLora } from '../fixtures/random_llama.js';
import { cutGap, someUnits, structuresOf } from '../fixtures/structures.js';

/** Sums in another order, in float32. */
const tolerance = 1e-4;

const together: readonly GroupKind[] = [
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'expert_channels',
  'residual',
  'sublayer',
];
const choices: readonly (readonly [string, readonly GroupKind[]])[] = [
  ...cuttableKinds.map((kind) => [kind, [kind]] as const),
  ['all kinds at once', together],
];

/** What a family does not have, or what cannot be cut in it; everything else must be found. */
function absent(name: string, kind: GroupKind): boolean {
  const layerNorm = /^(cohere|falcon|gpt2|gpt_neox|opt|phi$|stablelm|starcoder2)/;
  switch (kind) {
    case 'experts':
    case 'expert_channels':
      return !/^(mixtral|qwen3_moe)/.test(name);
    case 'attention_heads':
      // one key-value head; a norm tensor for each head; norms with a row for each query head
      return ['falcon', 'stablelm-parallel'].includes(name);
    case 'query_heads':
      // as many key-value heads as query heads
      return /^(gpt2|gpt_neox|opt|phi$|stablelm)/.test(name);
    case 'mlp_channels':
      return /^(mixtral|qwen3_moe$)/.test(name);
    case 'residual':
      return layerNorm.test(name); // test/compress/centre.test.ts
    case 'layer':
      return name === 'opt-post-norm';
    default:
      return false;
  }
}

for (const name of families()) {
  const { tokens } = oracleOf(name);
  for (const [what, kinds] of choices) {
    for (const lora of ['none', 'attached', 'merged'] as const) {
      t.test(`when ${what} of ${name} are zero (LoRA: ${lora}), then the cut agrees`, (t) => {
        const before = tensorCount();
        const model = loadModel(familyFolder(name));
        if (lora !== 'none') withLora(model);
        if (lora === 'merged') mergeLora(model);
        const groups = structuresOf(model, kinds, { lora: lora !== 'none' });
        const removed = someUnits(groups, kinds, 1);
        if (removed.size === 0) {
          model.dispose();
          t.ok(absent(name, kinds[0]!), whyNot(groups.groups, kinds));
          t.end();
          return;
        }
        const { gap, scale, compact } = cutGap(model, groups, removed, tokens);
        t.ok(scale > 0.05, 'the logits are no zeros');
        t.ok(gap <= tolerance, `logits differ by ${gap}`);
        compact.dispose();
        model.dispose();
        t.equal(tensorCount(), before, 'no tensor is left');
        t.end();
      });
    }
  }
}

function whyNot(
  groups: readonly { kind: GroupKind; reason?: string }[],
  [kind]: readonly GroupKind[],
): string {
  return groups.find((group) => group.kind === kind)?.reason ?? `there are no ${kind ?? ''}`;
}

// Exports small LLaMAs for scripts/check_gguf.py: `node dist/scripts/gguf_folders.js FOLDER`.
import { join } from 'node:path';
import { type Form } from '../lib/checkpoint/form_of.js';
import { loadModel } from '../lib/checkpoint/load.js';
import { exportModel } from '../lib/checkpoint/model_folder.js';
import { compress } from '../lib/compress/slice.js';
import type { GroupKind } from '../lib/groups/group.js';
import { writeModelFolder } from '../test/fixtures/model_folder.js';
import type { LlamaOptions } from '../test/fixtures/random_llama.js';
import { structuresOf } from '../test/fixtures/structures.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');

const kinds: readonly GroupKind[] = ['attention_heads', 'mlp_channels', 'sublayer'];
const every = (n: number, step: number): number[] =>
  Array.from({ length: n }, (_, i) => i).filter((i) => i % step === 0);

/** Cuts what `units` says of each group of a random LLaMA and exports it. */
function write(
  name: string,
  shape: LlamaOptions,
  form: Form,
  units: (kind: GroupKind, layer: number, half: string) => number[],
): void {
  const from = writeModelFolder(join(folder!, `${name}.dense`), shape);
  const dense = loadModel(from);
  const groups = structuresOf(dense, kinds);
  const removed = new Map(
    groups.groups
      .filter(({ prunable }) => prunable)
      .map(({ id, kind, layer }) => [id, units(kind, layer ?? -1, id.split('.').at(-1) ?? '')]),
  );
  const compact = compress(dense, groups, removed);
  exportModel(compact, join(folder!, name), {
    ...{ from, card: { title: name }, form, engines: ['llama.cpp'] },
  });
  dense.dispose();
  compact.dispose();
}

const uniform = (kind: GroupKind): number[] =>
  kind === 'attention_heads' ? [1] : kind === 'mlp_channels' ? [0, 3, 4] : [];
write('uniform', { heads: 8, kvHeads: 4, width: 48, channels: 40 }, 'uniform', uniform);
write('six-heads', { heads: 8, kvHeads: 4, width: 32, channels: 40 }, 'uniform', uniform);
write('padded', { heads: 8, kvHeads: 4, width: 32, channels: 40 }, 'padded', (kind, layer) =>
  layer === 0 ? uniform(kind) : kind === 'mlp_channels' ? every(40, 2) : [],
);
// Layer 0 whole, half of the channels of layer 1, no attention in layer 2, nothing of layer 3's feed-forward but 256.
write(
  'deci',
  { layers: 4, heads: 4, kvHeads: 4, headDim: 16, width: 64, channels: 512 },
  'per-layer',
  (kind, layer, half) => {
    if (kind === 'mlp_channels') return layer === 1 || layer === 3 ? every(512, 2) : [];
    return kind === 'sublayer' && layer === 2 && half === 'attention' ? [0] : [];
  },
);

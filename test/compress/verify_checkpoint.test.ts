// The streamed proof: it agrees with every cut of every family, and names the layer of a single changed element.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { weightFiles } from '../../lib/checkpoint/hf_index.js';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { cutCheckpoint } from '../../lib/compress/cut_checkpoint.js';
import { verifyCheckpoint } from '../../lib/compress/verify_checkpoint.js';
import { createContext } from '../../lib/context.js';
import { LoraShearError } from '../../lib/errors.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { familyCopy, kindChoices } from '../fixtures/cut_folders.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { configOf } from '../fixtures/family_units.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';

const ctx = createContext();

for (const name of families()) {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    t.test(`when ${name} in ${dtype} is cut, then both folders agree, layer by layer`, (t) => {
      const before = tensorCount();
      const root = t.testdir({});
      const dir =
        dtype === 'float32' ? familyFolder(name) : familyCopy(name, join(root, 'dense'), dtype);
      const out = join(root, 'out');
      using tokens = longTensor(oracleOf(name).tokens.flat(), [2, 12]);
      let cuts = 0;
      for (const [what, kinds] of kindChoices) {
        if (name === 'llama-bias' && what !== 'mlp_channels' && what !== 'sublayer') continue;
        const groups = structuresOf({ config: configOf(name) }, kinds);
        const removed = someUnits(groups, kinds, 1);
        if (removed.size === 0) continue;
        cuts++;
        cutCheckpoint(ctx, dir, groups, removed, out, { form: 'per-layer' });
        const { maxAbsDifference, logitScale, layers } = verifyCheckpoint(
          ctx,
          dir,
          out,
          groups,
          removed,
          tokens,
        );
        t.ok(
          maxAbsDifference <= 2e-5 * logitScale,
          `${what}: ${maxAbsDifference} of ${logitScale}`,
        );
        t.ok(
          layers.every((l) => l.maxAbsDifference <= 2e-5 * l.scale),
          `${what}: the layers`,
        );
      }
      t.ok(cuts > 1, `${cuts} kinds`);
      t.equal(tensorCount(), before + 1, 'no tensor is left');
      t.end();
    });
  }
}

/** Adds `change` to one element of a float32 or bfloat16 tensor of the folder. */
function plant(dir: string, name: string, at: number, change: number): void {
  for (const path of weightFiles(dir)) {
    const file = new SafetensorsFile(path);
    const entry = file.entries.get(name);
    file.close();
    if (!entry) continue;
    const half = entry.stored === 'BF16';
    const bytes = Buffer.alloc(4);
    const where = entry.start + at * (half ? 2 : 4);
    const fd = openSync(path, 'r+');
    readSync(fd, bytes, half ? 2 : 0, half ? 2 : 4, where);
    bytes.writeFloatLE(bytes.readFloatLE() + change);
    writeSync(fd, bytes, half ? 2 : 0, half ? 2 : 4, where);
    closeSync(fd);
    return;
  }
  throw new Error(`${dir} has no '${name}'`);
}

function refusal(fn: () => unknown): LoraShearError | undefined {
  try {
    fn();
  } catch (thrown) {
    if (thrown instanceof LoraShearError) return thrown;
    throw thrown;
  }
  return undefined;
}

for (const [dtype, tensor, layer] of [
  ['float32', 'model.layers.1.mlp.down_proj.weight', 1],
  ['float32', 'model.layers.0.self_attn.v_proj.weight', 0],
  ['bfloat16', 'model.layers.1.self_attn.o_proj.weight', 1],
  ['bfloat16', 'model.layers.1.input_layernorm.weight', 1],
  ['float32', 'model.embed_tokens.weight', -1],
  ['float32', 'model.norm.weight', undefined],
] as const) {
  t.test(`when one element of ${tensor} differs in ${dtype}, then the proof says where`, (t) => {
    const before = tensorCount();
    const root = t.testdir({});
    const dir = familyCopy('llama', join(root, 'dense'), dtype);
    const kinds = ['mlp_channels', 'residual'] as const;
    const groups = structuresOf({ config: configOf('llama') }, kinds);
    const removed = someUnits(groups, kinds, 2);
    const out = join(root, 'out');
    cutCheckpoint(ctx, dir, groups, removed, out, { form: 'per-layer' });
    const { vocab_size: V, hidden_size: C } = configOf('llama') as Record<string, number>;
    using tokens = longTensor([5, 6, 7, 8, 9, V! - 1], [1, 6]);
    t.ok(verifyCheckpoint(ctx, dir, out, groups, removed, tokens));
    // Element 3 of the first row that is used: token 5's in the embedding.
    const width = C! - removed.get('residual')!.length;
    plant(out, tensor, tensor.includes('embed') ? 5 * width + 3 : 3, 0.5);
    const error = refusal(() => verifyCheckpoint(ctx, dir, out, groups, removed, tokens));
    t.equal(error?.code, 'CUT_NOT_EQUAL');
    t.equal(error?.facts['layer'], layer, error?.message ?? 'no error');
    t.equal(tensorCount(), before + 1, 'no tensor is left');
    t.end();
  });
}

t.test('when other units went than the proof is told, then it fails', (t) => {
  const root = t.testdir({});
  const groups = structuresOf({ config: configOf('llama') }, ['mlp_channels']);
  const out = join(root, 'out');
  const of = (units: readonly number[]) =>
    new Map(groups.groups.filter((g) => g.prunable).map(({ id }) => [id, units]));
  cutCheckpoint(ctx, familyFolder('llama'), groups, of([1, 2, 3]), out);
  using tokens = longTensor([5, 6, 7, 8], [1, 4]);
  const error = refusal(() =>
    verifyCheckpoint(ctx, familyFolder('llama'), out, groups, of([1, 2, 4]), tokens),
  );
  t.equal(error?.code, 'CUT_NOT_EQUAL');
  t.equal(error?.facts['layer'], 0);
  t.end();
});

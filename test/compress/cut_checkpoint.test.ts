// The streamed cut against the one in memory: the same folders, byte for byte.
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { exportModel } from '../../lib/checkpoint/model_folder.js';
import { cutCheckpoint } from '../../lib/compress/cut_checkpoint.js';
import { compress } from '../../lib/compress/slice.js';
import { createContext } from '../../lib/context.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { contentsOf, familyCopy, kindChoices } from '../fixtures/cut_folders.js';
import { families } from '../fixtures/families.js';
import { logitsOf } from '../fixtures/family_model.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';

function codeOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (thrown) {
    return (thrown as { code?: unknown }).code;
  }
  return undefined;
}

const card = { title: 'cut' };

for (const name of families()) {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    t.test(
      `when ${name} in ${dtype} is cut while it streams, then the folder is that of the cut in memory`,
      (t) => {
        const before = tensorCount();
        const root = t.testdir({});
        // Sharded in, whole out, and the other way round.
        const sharded = dtype === 'float32';
        const dir = familyCopy(name, join(root, 'dense'), dtype, sharded ? 9000 : undefined);
        const shards = sharded ? {} : { maxShardBytes: 7000 };
        let cuts = 0;
        for (const [what, kinds] of kindChoices) {
          using model = loadModel(dir);
          const groups = structuresOf(model, kinds);
          const removed = someUnits(groups, kinds, 1);
          if (removed.size === 0) continue;
          cuts++;
          using compact = compress(model, groups, removed);
          const expected = join(root, 'expected');
          const out = join(root, 'out');
          const stream = () =>
            cutCheckpoint(createContext(), dir, groups, removed, out, { card, ...shards });
          const form = 'per_layer_config' in compact.config ? 'per-layer' : 'uniform';
          const whole = { from: dir, card, form, ...shards } as const;
          const refused = codeOf(() => exportModel(compact, expected, whole));
          if (refused !== undefined) {
            // a form or a number of heads that stock loaders do not take
            t.ok(['EXPORT_FORM', 'CHECKPOINT_UNSUPPORTED'].includes(refused as string));
            t.equal(codeOf(stream), refused, what);
            continue;
          }
          const cut = stream();
          t.same(contentsOf(out), contentsOf(expected), what);
          t.same(cut.config, compact.config, `${what}: config.json`);
          using loaded = loadModel(out);
          const logits = logitsOf(loaded, [[3, 4, 5]]).flat(2);
          t.ok(logits.every(Number.isFinite), `${what}: it computes`);
        }
        t.ok(cuts > 2, `${cuts} kinds`);
        t.equal(tensorCount(), before, 'no tensor is left');
        t.end();
      },
    );
  }
}

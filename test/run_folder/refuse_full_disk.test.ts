import { statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { leastBytes, refuseFullDisk } from '../../lib/run_folder/refuse_full_disk.js';

t.test('when the models of a run are counted, then each that is kept', (t) => {
  const job = { dtype: 'float32', ratio: 0.5, instruct: null } as const;
  // dense 4, pruned 2, cut 2, recovered 2, exported 1 bytes a parameter
  t.equal(leastBytes(job, 1000), 11_000);
  t.equal(leastBytes({ ...job, dtype: 'bfloat16' }, 1000), 6000);
  const instruct = { path: '', template: 'stanford', trainOnInputs: false } as const;
  t.equal(leastBytes({ ...job, instruct }, 1000), 13_000);
  t.end();
});

t.test('when there is no room, then OUTPUT_FAILED says how much is missing', (t) => {
  const dir = t.testdir({});
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  refuseFullDisk(dir, 1000);
  const needed = 2 * free + 2 ** 40;
  t.throws(() => refuseFullDisk(dir, needed), {
    code: 'OUTPUT_FAILED',
    message: /at least .* free$/,
    facts: { needed },
  });
  // a resumed run has written some of it: a file of holes stands for it
  const path = join(dir, 'state.safetensors');
  writeFileSync(path, '');
  truncateSync(path, needed - Math.floor(free / 2));
  refuseFullDisk(dir, needed);
  t.end();
});

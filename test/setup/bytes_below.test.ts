// Sizes of folders, also of one that another thread is clearing.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { bytesBelow } from '../../lib/setup/bytes_below.js';

t.test('when a folder has files in folders, then their bytes are added', async (t) => {
  const dir = t.testdir({ a: 'abc', b: { c: 'de', d: {} } });
  t.equal(bytesBelow(dir), 5);
  t.equal(bytesBelow(join(dir, 'a')), 3);
  t.equal(bytesBelow(join(dir, 'none')), 0);
});

t.test('when folders come and go meanwhile, then what is there is counted', async (t) => {
  const dir = t.testdir({ stays: 'abc' });
  const churn = `
    const { mkdirSync, rmSync, writeFileSync } = require('node:fs');
    const { workerData, parentPort } = require('node:worker_threads');
    for (let i = 0; ; i++) {
      const folder = workerData + '/goes' + (i % 7);
      mkdirSync(folder + '/below/more', { recursive: true });
      writeFileSync(folder + '/below/file', 'xy');
      if (i === 7) parentPort.postMessage('busy');
      rmSync(workerData + '/goes' + ((i + 3) % 7), { recursive: true, force: true });
    }`;
  const worker = new Worker(churn, { eval: true, workerData: dir });
  await new Promise((resolve) => worker.once('message', resolve));
  try {
    for (let i = 0; i < 2000; i++) {
      const bytes = bytesBelow(dir);
      if (bytes < 3 || bytes > 3 + 2 * 7) t.fail(`${bytes} bytes`);
    }
    t.pass();
  } finally {
    await worker.terminate();
  }
});

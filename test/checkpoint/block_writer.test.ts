import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { blockBytes, blockFor, writeBlocks } from '../../lib/checkpoint/block_writer.js';

const bytes = (count: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: count }, (_, i) => (i * 31 + (i >> 8)) & 255));

/** A file is written past the page cache when it is said to be large. */
const sizes = { cached: 0, direct: 2 ** 40 };

const folders = ['/tmp', '/dev/shm'].filter((folder) => existsSync(folder));

for (const [how, size] of Object.entries(sizes)) {
  for (const folder of folders) {
    t.test(`when a file is written ${how} in ${folder}, then it holds the bytes in order`, (t) => {
      const dir = mkdtempSync(join(folder, 'lorashear-blocks-'));
      t.teardown(() => {
        rmSync(dir, { recursive: true });
      });
      const path = join(dir, 'file');
      const block = blockFor(1);
      for (const count of [0, 1, 4095, 4096, 4097, blockBytes + 4096, 2 * blockBytes + 5]) {
        const expected = bytes(count);
        writeBlocks(path, block, size, (writer) => {
          writer.write(expected.subarray(0, 7));
          // Through the room, in pieces that do not divide the block.
          for (let done = 7; done < count;) {
            const piece = Math.min(100_003, count - done);
            expected.copy(writer.room(piece), 0, done, done + piece);
            writer.advance(piece);
            done += piece;
          }
        });
        t.ok(readFileSync(path).equals(expected), `${count} bytes`);
      }
      t.end();
    });
  }
}

t.test('when a piece is larger than a block usually is, then a block for it has the room', (t) => {
  const path = join(t.testdir({}), 'file');
  const least = blockBytes + 12_345;
  writeBlocks(path, blockFor(least), 2 ** 40, (writer) => {
    writer.write(bytes(4000));
    for (let i = 0; i < 2; i++) {
      const room = writer.room(least);
      t.ok(room.length >= least);
      room.fill(i, 0, least);
      writer.advance(least);
    }
  });
  const found = readFileSync(path);
  t.equal(found.length, 4000 + 2 * least);
  t.same([found[4000], found[4000 + least - 1], found[4000 + least]], [0, 0, 1]);
  t.end();
});

t.test('when the file cannot be opened, then the error of the system comes', (t) => {
  t.throws(() => writeBlocks(join(t.testdir({}), 'no', 'file'), blockFor(1), 0, () => undefined), {
    code: 'ENOENT',
  });
  t.end();
});

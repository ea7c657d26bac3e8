import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { firstInvalidByte, readLines, readText } from '../../lib/data/utf8.js';

async function all(pieces: AsyncIterable<string>): Promise<string[]> {
  const result: string[] = [];
  for await (const piece of pieces) result.push(piece);
  return result;
}

t.test('when characters lie across the reader’s chunks, then the text is whole', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'a.txt');
  // 3-, 4- and 2-byte characters: the boundary of 256 KiB falls into each at some shift.
  for (const shift of ['', 'x', 'xx', 'xxx']) {
    const text = shift + '☕🌙é'.repeat(70_000);
    writeFileSync(path, text);
    t.equal((await all(readText(path))).join(''), text);
  }
});

t.test('when a byte-order mark is in front, then it is left out', async (t) => {
  const dir = t.testdir({ 'a.txt': '\uFEFFone\r\ntwo\n\nthree' });
  t.strictSame(await all(readLines(join(dir, 'a.txt'))), ['one', 'two', '', 'three']);
});

t.test('when bytes are not UTF-8, then the offset of the first is given', async (t) => {
  const path = join(t.testdir(), 'a.txt');
  const long = Buffer.from('é'.repeat(200_000));
  const rejects = async (bytes: Buffer, offset: number, hint = /convert it/) => {
    writeFileSync(path, bytes);
    await t.rejects(all(readText(path)), { code: 'DATA_INVALID', facts: { offset }, hint });
  };
  await rejects(Buffer.concat([long, Buffer.from([0x41, 0xff, 0x42])]), 400_001);
  await rejects(Buffer.from([0x61, 0x62, 0xe2, 0x98]), 2);
  await rejects(Buffer.from('r\xe9sum\xe9', 'latin1'), 1);
  await rejects(Buffer.from('\uFEFFhello', 'utf16le'), 0, /UTF-16/);
});

t.test('when the text itself has replacement characters, then they are no fault', (t) => {
  const text = Buffer.from('a\uFFFDb');
  t.equal(firstInvalidByte(text), -1);
  t.equal(firstInvalidByte(Buffer.concat([text, Buffer.from([0x80])])), 5);
  t.equal(firstInvalidByte(Buffer.from([0xed, 0xa0, 0x80])), 0, 'an encoded surrogate');
  t.end();
});

t.test('when the signal is aborted, then reading stops with its reason', async (t) => {
  const dir = t.testdir({ 'a.txt': 'text' });
  const reason = new Error('enough');
  await t.rejects(all(readText(join(dir, 'a.txt'), AbortSignal.abort(reason))), reason);
});

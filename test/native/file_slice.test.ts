import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { native } from '../../lib/native/load.js';

const binding = native();
const refused = { code: 'TENSOR_OP_FAILED' };

function opened(t: Test, bytes: Uint8Array): number {
  const path = join(t.testdir({}), 'file');
  writeFileSync(path, bytes);
  const fd = openSync(path, 'r');
  t.teardown(() => {
    closeSync(fd);
  });
  return fd;
}

const runs = (...numbers: number[]): Float64Array => Float64Array.from(numbers);

/** By the definition: element by element. */
function expectedOf(
  bytes: Uint8Array,
  position: number,
  [element, width]: readonly [number, number],
  rows: Float64Array,
  columns: Float64Array,
): number[] {
  const each = (list: Float64Array): number[] =>
    Array.from({ length: list.length / 2 }, (_, i) =>
      Array.from({ length: list[2 * i + 1]! }, (_, j) => list[2 * i]! + j),
    ).flat();
  return each(rows).flatMap((r) =>
    each(columns).flatMap((c) => {
      const at = position + (r * width + c) * element;
      return [...bytes.subarray(at, at + element)];
    }),
  );
}

t.test(
  'when rows and columns are read, then exactly their bytes come, for every element size',
  (t) => {
    const bytes = Uint8Array.from({ length: 60_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    const fd = opened(t, bytes);
    for (const element of [1, 2, 4, 8]) {
      const width = 131;
      const height = Math.floor((bytes.length - 13) / (width * element));
      for (const rows of [runs(0, height), runs(1, 2, 5, 1, height - 1, 1), runs()]) {
        for (const columns of [runs(0, 1, 2, 1, 4, 2, 130, 1), runs(3, 100), runs(0, width)]) {
          const expected = expectedOf(bytes, 13, [element, width], rows, columns);
          const into = new Uint8Array(expected.length + 3);
          const all = columns[1] === width;
          const count = binding.readSlice(fd, 13, element, width, rows, all ? null : columns, into);
          t.equal(count, expected.length);
          t.same([...into], [...expected, 0, 0, 0], `${element} bytes, columns ${columns.join()}`);
        }
      }
    }
    t.end();
  },
);

t.test('when a row is larger than what is read at a time, then it is whole all the same', (t) => {
  const width = 300_000;
  const bytes = Uint8Array.from({ length: 2 * 2 * width }, (_, i) => (i * 13 + (i >> 9)) & 255);
  const fd = opened(t, bytes);
  const columns = runs(0, 1, 7, 1, width - 1, 1);
  const into = new Uint8Array(12);
  binding.readSlice(fd, 0, 2, width, runs(0, 2), columns, into);
  t.same([...into], expectedOf(bytes, 0, [2, width], runs(0, 2), columns));
  t.end();
});

t.test('when a slice cannot be, then nothing is read beyond', (t) => {
  const fd = opened(t, new Uint8Array(64));
  const into = new Uint8Array(64);
  const read = (...changed: unknown[]): void => {
    const given = [fd, 0, 2, 4, runs(0, 8), null, into];
    const args = given.map((value, i) => (changed[i] === undefined ? value : changed[i]));
    (binding.readSlice as (...all: unknown[]) => void)(...args);
  };
  read();
  for (const bad of [-1, 0.5, NaN, 2 ** 60, '0', {}]) {
    t.throws(
      () => {
        read(bad);
      },
      refused,
      'descriptor',
    );
    t.throws(
      () => {
        read(undefined, bad);
      },
      refused,
      'position',
    );
    t.throws(
      () => {
        read(undefined, undefined, bad);
      },
      refused,
      'element',
    );
    t.throws(
      () => {
        read(undefined, undefined, undefined, bad);
      },
      refused,
      'width',
    );
  }
  for (const bad of [runs(0, 9), runs(8, 1), runs(-1, 1), runs(0, NaN), runs(0, 2 ** 53)]) {
    t.throws(
      () => {
        read(undefined, undefined, undefined, undefined, bad);
      },
      refused,
      'rows',
    );
  }
  for (const bad of [runs(0, 5), runs(4, 1), runs(-1, 1), runs(NaN, 1)]) {
    t.throws(
      () => {
        read(undefined, undefined, undefined, undefined, undefined, bad);
      },
      refused,
      'columns',
    );
  }
  t.throws(
    () => {
      binding.readSlice(fd, 0, 2, 4, runs(0, 8), null, new Uint8Array(63));
    },
    refused,
    'room',
  );
  t.throws(
    () => {
      binding.readSlice(fd, 1, 2, 4, runs(0, 8), null, into);
    },
    refused,
    'end of the file',
  );
  t.throws(
    () => {
      binding.readSlice(9999, 0, 2, 4, runs(0, 8), null, into);
    },
    { code: 'NATIVE_FAILURE' },
  );
  t.end();
});

t.test('when a page buffer is asked for, then it has whole pages', (t) => {
  t.equal(binding.pageBuffer(1).length, 4096);
  t.equal(binding.pageBuffer(4097).length, 8192);
  t.equal(binding.pageBuffer(0).length, 0);
  t.throws(() => binding.pageBuffer(-1), refused);
  t.end();
});

import { Writable } from 'node:stream';
import t from 'tap';
import { amount, setupProgress } from '../../lib/cli/setup_progress.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';

const noop = () => undefined;

function sink(isTTY: boolean) {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  Object.assign(stream, { isTTY, columns: 80, cursorTo: noop, clearLine: noop, moveCursor: noop });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

const download: SetupEvent[] = [
  { kind: 'step', step: 'download', text: 'libtorch' },
  ...[10, 30, 31, 55, 99, 100].map((done): SetupEvent => {
    return { kind: 'progress', step: 'download', done: done * 1e6, total: 1e8, unit: 'bytes' };
  }),
  { kind: 'done', step: 'download', text: 'libtorch', seconds: 12.34 },
  { kind: 'note', text: 'something' },
];

t.test(
  'when the output is no terminal, then there is a line per quarter and no control code',
  (t) => {
    const { stream, text } = sink(false);
    download.forEach(setupProgress(stream));
    const lines = text().trimEnd().split('\n');
    t.equal(lines[0], 'Downloading libtorch');
    t.match(lines[1], /^ {2}25% 30 of 100 MB, \d+ MB\/s$/);
    t.match(lines[2], /^ {2}50% 55 of 100 MB/);
    t.match(lines[3], /^ {2}75% 99 of 100 MB/);
    t.same(lines.slice(4), ['  done in 12.3 s', 'Note: something']);
    t.notMatch(text(), '\x1b');
    t.end();
  },
);

t.test('when the output is a terminal, then a bar is drawn and steps are lines', (t) => {
  const { stream, text } = sink(true);
  download.forEach(setupProgress(stream));
  t.match(text(), /Downloading libtorch\n/);
  t.match(text(), /10 of 100 MB/);
  t.match(text(), /done in 12\.3 s/);
  t.end();
});

t.test('when an amount is not in bytes, then it is counted', (t) => {
  const event = { kind: 'progress', step: 'build', done: 3, total: 11, unit: 'compiled' } as const;
  t.equal(amount(event, { time: 0, done: 0 }), '3 of 11 compiled');
  t.end();
});

t.test('when a download goes on, then the rate counts only what came since', (t) => {
  const event = {
    kind: 'progress',
    step: 'download',
    done: 2.5e8,
    total: 5e8,
    unit: 'bytes',
  } as const;
  const first = { time: performance.now() - 10_000, done: 2e8 };
  t.equal(amount(event, first), '250 of 500 MB, 5 MB/s');
  t.end();
});

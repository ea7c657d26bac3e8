// Draws set-up events: a bar with bytes and rate on a terminal, plain lines elsewhere.
import { SingleBar } from 'cli-progress';
import type { OnSetupEvent, SetupEvent } from '../setup/setup_event.js';

type Progress = Extract<SetupEvent, { kind: 'progress' }>;

/** The first progress of a step: what was there before it (a part of an earlier try) is no work of this one. */
interface Origin {
  time: number;
  done: number;
}

/** An event sink that writes to `stream`, standard error unless told otherwise. */
export function setupProgress(stream: NodeJS.WriteStream = process.stderr): OnSetupEvent {
  return stream.isTTY ? onTerminal(stream) : asLines(stream);
}

function onTerminal(stream: NodeJS.WriteStream): OnSetupEvent {
  let bar: SingleBar | undefined;
  let first: Origin | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return (event) => {
    if (event.kind !== 'progress') {
      stop();
      first = undefined;
      stream.write(`${line(event)}\n`);
      return;
    }
    first ??= { time: performance.now(), done: event.done };
    if (!bar) {
      const format = `  {bar} {percentage}% {amount}`;
      bar = new SingleBar({ stream, format, hideCursor: true, clearOnComplete: true });
      bar.start(event.total, event.done, { amount: amount(event, first) });
    }
    bar.update(event.done, { amount: amount(event, first) });
  };
}

/** One line at the beginning and end of a step, and at every quarter between. */
function asLines(stream: NodeJS.WriteStream): OnSetupEvent {
  let quarter = 0;
  let first: Origin | undefined;
  return (event) => {
    if (event.kind !== 'progress') {
      quarter = 0;
      first = undefined;
      stream.write(`${line(event)}\n`);
      return;
    }
    first ??= { time: performance.now(), done: event.done };
    const reached = Math.floor((4 * event.done) / event.total);
    if (reached > quarter && reached < 4) {
      stream.write(`  ${reached * 25}% ${amount(event, first)}\n`);
    }
    quarter = Math.max(quarter, reached);
  };
}

const verbs = {
  wait: 'Waiting:',
  download: 'Downloading',
  unpack: 'Unpacking',
  build: 'Building',
} as const;

function line(event: Exclude<SetupEvent, Progress>): string {
  if (event.kind === 'note') return `Note: ${event.text}`;
  if (event.kind === 'step') return `${verbs[event.step]} ${event.text}`;
  return `  done in ${event.seconds.toFixed(1)} s`;
}

/** `212 of 544 MB, 41 MB/s`, or `3 of 11 compiled`. */
export function amount({ done, total, unit }: Progress, first: Origin): string {
  if (unit !== 'bytes') return `${done} of ${total} ${unit}`;
  const seconds = Math.max(0.1, (performance.now() - first.time) / 1000);
  const rate = (done - first.done) / seconds;
  const [doneMB, totalMB, rateMB] = [done, total, rate].map((b) => Math.round(b / 1e6));
  return `${doneMB} of ${totalMB} MB, ${rateMB} MB/s`;
}

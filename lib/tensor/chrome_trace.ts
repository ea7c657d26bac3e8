// A profile as a trace that chrome://tracing and Perfetto (https://ui.perfetto.dev) open: the Trace Event Format, JSON.
import type { Profile } from './profile.js';

/**
 * JSON text: one complete event (`ph: X`, microseconds) for each call, its kind as category and its module as argument.
 * @param about further facts, shown beside the trace
 */
export function chromeTrace(
  { calls, thread, truncated }: Profile,
  about: Readonly<Record<string, unknown>> = {},
): string {
  const { pid } = process;
  const named = (name: string, tid: number, label: string) => ({
    ...{ name, ph: 'M', pid, tid, args: { name: label } },
  });
  const threads = [...new Set([thread, ...calls.map((call) => call.thread)])];
  const events = calls.map(({ kind, name, module, start, end, thread: tid }) => ({
    ...{ name: kind === 'module' ? `[${name}]` : name, cat: kind, ph: 'X' },
    ...{ ts: start / 1000, dur: (end - start) / 1000, pid, tid, args: { module } },
  }));
  return JSON.stringify({
    traceEvents: [
      named('process_name', thread, 'lorashear-native'),
      ...threads.map((tid) =>
        named('thread_name', tid, tid === thread ? 'JavaScript' : `thread ${tid} of libtorch`),
      ),
      ...events,
    ],
    displayTimeUnit: 'ms',
    otherData: { ...about, truncated },
  });
}

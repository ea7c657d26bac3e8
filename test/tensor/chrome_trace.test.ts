import t from 'tap';
import { chromeTrace } from '../../lib/tensor/chrome_trace.js';
import { insideModule } from '../../lib/tensor/module_path.js';
import { mul } from '../../lib/tensor/ops.js';
import { type Profile, profile } from '../../lib/tensor/profile.js';
import { scoped } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';

interface TraceEvent {
  name: string;
  ph: string;
  ts?: number;
  dur?: number;
  pid: number;
  tid: number;
  cat?: string;
  args: Record<string, unknown>;
}

const eventsOf = (text: string): TraceEvent[] =>
  (JSON.parse(text) as { traceEvents: TraceEvent[] }).traceEvents;

t.test('when calls are written, then in microseconds, with kinds, modules and threads', (t) => {
  const call = { thread: 1, start: 1500, end: 4000 };
  const found: Profile = {
    calls: [
      { ...call, kind: 'module', name: 'layers.0', module: 'layers.0' },
      { ...call, kind: 'operator', name: 'aten::mm', module: 'layers.0' },
      { ...call, kind: 'backward', name: 'MmBackward0', module: 'layers.0', thread: 7 },
    ],
    ...{ thread: 1, truncated: false },
  };
  const text = chromeTrace(found, { what: 'a case' });
  t.match(JSON.parse(text), {
    ...{ displayTimeUnit: 'ms', otherData: { what: 'a case', truncated: false } },
  });
  const { pid } = process;
  const [process_, js, other, module, operator, step] = eventsOf(text);
  t.match(process_, { name: 'process_name', ph: 'M', pid });
  t.match(js, { name: 'thread_name', ph: 'M', pid, tid: 1, args: { name: 'JavaScript' } });
  t.match(other, { name: 'thread_name', tid: 7, args: { name: 'thread 7 of libtorch' } });
  t.match(module, { name: '[layers.0]', cat: 'module', ph: 'X', ts: 1.5, dur: 2.5, pid, tid: 1 });
  t.match(operator, { name: 'aten::mm', cat: 'operator', args: { module: 'layers.0' } });
  t.match(step, { name: 'MmBackward0', cat: 'backward', tid: 7 });
  t.end();
});

t.test('when a profile is written, then its events nest and none is shorter than nothing', (t) => {
  const a = floatTensor([1, 2], [2]);
  const found = profile(() =>
    scoped(() =>
      insideModule(
        'm',
        () =>
          void mul(
            mul(a, a),
            insideModule('n', () => mul(a, a)),
          ),
      ),
    ),
  );
  const events = eventsOf(chromeTrace(found)).filter(({ ph }) => ph === 'X');
  t.equal(events.length, found.calls.length);
  t.ok(events.length >= 8, 'two modules, three operators, three inside libtorch');
  const open: number[] = [];
  for (const { ts = -1, dur = -1, name } of events) {
    t.ok(ts >= 0 && dur >= 0, name);
    while (open.length > 0 && open.at(-1)! <= ts + 1e-6) open.pop();
    const outer = open.at(-1);
    t.ok(outer === undefined || ts + dur <= outer + 1e-6, `${name} within`);
    open.push(ts + dur);
  }
  a.dispose();
  t.end();
});

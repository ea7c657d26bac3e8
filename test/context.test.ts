import t from 'tap';
import { createContext } from '../lib/context.js';
import type { RunEvent } from '../lib/events.js';

t.test('when nothing is given, then it computes on the CPU and never stops', (t) => {
  const ctx = createContext();
  t.equal(ctx.device, 'cpu');
  ctx.checkpoint();
  ctx.emit({ type: 'warning', message: 'nobody listens' });
  t.end();
});

t.test('when the user asks to stop, then the next checkpoint throws RUN_ABORTED', (t) => {
  let stop = false;
  const ctx = createContext({ aborted: () => stop });
  ctx.checkpoint();
  stop = true;
  t.throws(() => ctx.checkpoint(), { code: 'RUN_ABORTED', exitCode: 130, hint: /--resume/ });
  const other = createContext({ aborted: () => true, afterStop: 'start again' });
  t.throws(() => other.checkpoint(), { code: 'RUN_ABORTED', hint: 'start again' });
  t.end();
});

t.test('when events are emitted, then the listener gets them in order', (t) => {
  const seen: RunEvent[] = [];
  const ctx = createContext({ device: 'cuda:1', emit: (event) => seen.push(event) });
  t.equal(ctx.device, 'cuda:1');
  const events: RunEvent[] = [
    { type: 'stage-start', stage: 'lhspg', reused: false },
    { type: 'stage-end', stage: 'lhspg', seconds: 1 },
  ];
  for (const event of events) ctx.emit(event);
  t.same(seen, events);
  t.end();
});

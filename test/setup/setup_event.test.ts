import t from 'tap';
import { asStep, type SetupEvent } from '../../lib/setup/setup_event.js';

t.test('when a step succeeds, then it is told before and after, with its seconds', async (t) => {
  const events: SetupEvent[] = [];
  const result = await asStep(
    (event) => events.push(event),
    'unpack',
    'things',
    () => Promise.resolve(events.length),
  );
  t.equal(result, 1, 'the step was told before the work began');
  t.match(events, [
    { kind: 'step', step: 'unpack', text: 'things' },
    { kind: 'done', step: 'unpack', text: 'things', seconds: Number },
  ]);
});

t.test('when a step fails, then it is not told as done', async (t) => {
  const events: SetupEvent[] = [];
  const failing = asStep(
    (event) => events.push(event),
    'build',
    'things',
    () => Promise.reject(new Error('broken')),
  );
  await t.rejects(failing, { message: 'broken' });
  t.equal(events.length, 1);
});

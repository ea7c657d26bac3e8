import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type MeasuringProcess, startProcess } from '../../bench/measuring_process.js';

const fake = fileURLToPath(new URL('./fake_peer.js', import.meta.url));
const start = (behaviour: string): MeasuringProcess =>
  startProcess('the peer', [process.execPath, fake, behaviour], {
    ...process.env,
    OMP_NUM_THREADS: '2',
  });
const budget = { seconds: 0.1, calls: 3 };

t.test('when a process is asked, then it answers in order, with its own environment', async (t) => {
  const peer = start('good');
  t.same(await peer.facts(), { python: '3.11', threads: 2 });
  await peer.prepare('a case', { rows: 3 });
  t.same(await peer.check('vec'), { 'a case {"rows":3}': [1] });
  const [first, second] = await Promise.all([
    peer.measure('vec', budget),
    peer.measure('vec', budget),
  ]);
  t.same([first.also, second.also], [{ calls: 1 }, { calls: 2 }]);
  t.same((await peer.bandwidth(64)).copy, 8);
  await peer.drop();
  await peer.close();
  await peer.close();
});

t.test('when a question fails, then its error is told and the next is answered', async (t) => {
  const peer = start('good');
  await t.rejects(peer.measure('vec', budget), {
    code: 'NATIVE_FAILURE',
    message: /the peer: RangeError: nothing prepared for vec/,
  });
  t.equal((await peer.rates()).read, 2);
  await peer.close();
});

t.test('when a process dies, then every question fails with what it printed last', async (t) => {
  const peer = start('dies');
  const asked = [peer.facts(), peer.rates()];
  await Promise.allSettled(asked);
  for (const question of [...asked, peer.drop()]) {
    await t.rejects(question as Promise<unknown> as Promise<void>, {
      code: 'NATIVE_FAILURE',
      hint: /no torch/,
    });
  }
  await peer.close();
});

t.test('when a program is not there, then that is the error', async (t) => {
  const peer = startProcess('the peer', ['/nowhere/python'], {});
  await t.rejects(peer.facts(), { code: 'NATIVE_FAILURE', message: /does not start/ });
});

t.test('when an answer is not JSON, then it is shown', async (t) => {
  const peer = start('garbage');
  await t.rejects(peer.facts(), { code: 'NATIVE_FAILURE', message: /warning: not JSON/ });
  await peer.close();
});

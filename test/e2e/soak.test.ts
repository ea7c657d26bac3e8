// One service process, twenty runs, half of them cancelled: what it holds afterwards is what it held before.
//
// Measured from outside, in /proc, with no run going on, so that nothing depends on what the process says of itself.
// Threads, descriptors (connections not counted: clients keep them) and mapped files must be the same. Resident memory may
// differ by less than half of what the heap of one engine thread takes (60 MiB with its code), so that a thread kept
// alive in a whole soak fails, and so does 1.5 MiB (a model of this size with its gradients) lost in each run.
// Tensors live in tables of their threads and go with them; that a stage leaves none behind is test/run.test.ts's.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ask, eventsOf, type Service, startService } from '../fixtures/service_process.js';
import { tinyInput } from '../fixtures/tiny_job.js';

const tolerance = 30;

interface Holdings {
  threads: number;
  descriptors: string[];
  mapped: string[];
  /** MiB */
  resident: number;
}

function holdings(pid: number, dir: string): Holdings {
  const proc = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');
  const status = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(proc('status'))?.[1]);
  return {
    threads: status('Threads'),
    descriptors: readdirSync(`/proc/${pid}/fd`)
      .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/g, ''))
      .filter((target) => !target.startsWith('socket'))
      .sort(),
    mapped: proc('maps')
      .split('\n')
      .filter((line) => line.includes(dir) || line.includes('.safetensors')),
    resident: status('VmRSS') / 1024,
  };
}

/** Stages in which runs are cancelled, in turn; null: not at all. */
const moments = ['knowledge', null, 'lhspg', null, 'recover-pretraining', null, 'load', null];

async function oneRun(service: Service, job: object, moment: string | null): Promise<string> {
  const { body } = await ask(service, 'POST', '/runs', job);
  const id = String(body['id']);
  let state = '';
  let asked = false;
  for await (const { data } of eventsOf(service, id)) {
    if (data.type === 'end') state = data.state;
    if (asked || !('stage' in data) || data.stage !== moment) continue;
    asked = true;
    await ask(service, 'DELETE', `/runs/${id}`);
  }
  return state;
}

t.test('when twenty runs come and go, then the process is as it was', async (t) => {
  const dir = t.testdir({});
  const service = await startService(dir);
  t.teardown(() => service.child.kill('SIGKILL'));
  const { output: _, ...job } = tinyInput(join(dir, 'none'));
  const all = async (count: number): Promise<Holdings[]> => {
    const seen: Holdings[] = [];
    for (let i = 0; i < count; i++) {
      const moment = moments[i % moments.length] ?? null;
      t.equal(await oneRun(service, job, moment), moment === null ? 'finished' : 'cancelled');
      await sleep(200); // the connection of the events closes
      seen.push(holdings(service.child.pid!, dir));
    }
    return seen;
  };
  const before = (await all(4)).at(-1)!;
  await ask(service, 'GET', '/health?reset');
  const seen = await all(20);
  const after = seen.at(-1)!;
  const { body } = await ask(service, 'GET', '/health');
  const { longest } = body['eventLoopDelay'] as { longest: number };
  t.comment(`resident MiB: ${[before, ...seen].map((h) => h.resident.toFixed(0)).join(' ')}`);
  t.comment(`longest delay of the event loop: ${longest.toFixed(1)} ms`);
  t.equal(after.threads, before.threads, 'threads');
  t.strictSame(after.descriptors, before.descriptors, 'descriptors');
  t.strictSame(after.mapped, [], 'no file of a model or a run is mapped');
  const growth = after.resident - before.resident;
  t.ok(growth < tolerance, `resident memory grew by ${growth.toFixed(1)} MiB`);
});

// Runs of one process: one computes at a time, the others wait in their order.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LoraShearError, parseJob, run } from 'lorashear-native';
import { EventLog } from './event_log.js';

/** Ended runs that are remembered; their folders stay. */
const keptEnded = 1000;

/** @typedef {'queued' | 'running' | 'finished' | 'failed' | 'cancelled'} State */

export class RunQueue {
  #runs = new Map();
  #root;
  #computing;

  /** @param root folder of the run folders */
  constructor(root) {
    this.#root = root;
  }

  /**
   * Checks a job (docs/job.schema.json) and puts it at the end of the queue.
   * @throws LoraShearError CONFIG_INVALID with every problem
   */
  add(input) {
    const id = randomUUID();
    // Clients do not choose where the service writes.
    if (input?.output !== undefined) {
      throw new LoraShearError('CONFIG_INVALID', 'output is chosen by the service', {
        hint: 'leave it out; the answer to GET /runs/ID says where the run lies',
      });
    }
    const job = { ...parseJob(input, { file: 'the request' }), output: join(this.#root, id) };
    const controller = new AbortController();
    const entry = { id, job, controller, state: 'queued', events: new EventLog() };
    entry.queuedAt = new Date().toISOString();
    this.#runs.set(id, entry);
    this.#next();
    return entry;
  }

  get(id) {
    return this.#runs.get(id);
  }

  list() {
    return [...this.#runs.values()];
  }

  /** Asks a run to end: at once when it waits, after its step and with its state saved when it computes. */
  cancel(entry) {
    entry.controller.abort();
    if (entry.state === 'queued') this.#end(entry, 'cancelled');
  }

  /** Cancels all; resolves when nothing computes any more. */
  async close() {
    for (const entry of this.#runs.values()) this.cancel(entry);
    await this.#computing;
  }

  #next() {
    if (this.#computing) return;
    const entry = this.list().find(({ state }) => state === 'queued');
    if (!entry) return;
    this.#computing = this.#compute(entry).finally(() => {
      this.#computing = undefined;
      this.#next();
    });
  }

  async #compute(entry) {
    const { job, controller, events } = entry;
    entry.state = 'running';
    entry.startedAt = new Date().toISOString();
    try {
      const running = run(job, { signal: controller.signal, command: 'POST /runs' });
      for await (const event of running) {
        if (event.type === 'stage-start') entry.stage = event.stage;
        events.add(event);
      }
      entry.result = await running;
      this.#end(entry, 'finished');
    } catch (error) {
      entry.error = error;
      this.#end(entry, error.code === 'RUN_ABORTED' ? 'cancelled' : 'failed');
    }
  }

  #end(entry, state) {
    if (entry.endedAt) return;
    entry.state = state;
    entry.endedAt = new Date().toISOString();
    entry.events.add({ type: 'end', state });
    entry.events.close();
    const ended = this.list().filter(({ endedAt }) => endedAt);
    for (const { id } of ended.slice(0, -keptEnded)) this.#runs.delete(id);
  }
}

// Events that wait to be read: bounded, because what a later event makes needless is dropped.
import type { RunEvent } from '../events.js';

/** Metrics that wait at most; metrics.jsonl of the run folder has all of them. */
export const keptMetrics = 1000;

/**
 * First in, first out. Of the progress of one stage, and of the saves to one path, only the last waits; of the metrics
 * the last {@link keptMetrics}. All other events are few.
 */
export class EventQueue {
  readonly #waiting = new Map<string | number, RunEvent>();
  readonly #metrics = new Set<number>();
  #count = 0;

  get length(): number {
    return this.#waiting.size;
  }

  push(event: RunEvent): void {
    const key = this.#keyOf(event);
    this.#waiting.delete(key);
    this.#waiting.set(key, event);
    if (event.type !== 'metric') return;
    this.#metrics.add(key as number);
    const [oldest] = this.#metrics;
    if (this.#metrics.size > keptMetrics && oldest !== undefined) {
      this.#metrics.delete(oldest);
      this.#waiting.delete(oldest);
    }
  }

  /** The oldest event, which leaves the queue. */
  shift(): RunEvent | undefined {
    for (const [key, event] of this.#waiting) {
      this.#waiting.delete(key);
      if (typeof key === 'number') this.#metrics.delete(key);
      return event;
    }
    return undefined;
  }

  /** A queue of its own with the same events. */
  copy(): EventQueue {
    const queue = new EventQueue();
    for (const event of this.#waiting.values()) queue.push(event);
    return queue;
  }

  #keyOf(event: RunEvent): string | number {
    if (event.type === 'progress') return `progress ${event.stage}`;
    if (event.type === 'saved') return `saved ${event.path}`;
    return this.#count++;
  }
}

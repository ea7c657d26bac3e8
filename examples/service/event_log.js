// The events of one run, numbered, for readers who come late, leave, and come back.

/** Progress and metrics that a log keeps; metrics.jsonl in the run folder has every metric. */
const keptSteps = 1000;

export class EventLog {
  #entries = new Map();
  #steps = new Set();
  #last = 0;
  #readers = new Set();
  #closed = false;

  /** Appends an event; it gets the next number. */
  add(event) {
    const id = ++this.#last;
    this.#entries.set(id, event);
    if (event.type === 'progress' || event.type === 'metric') {
      this.#steps.add(id);
      if (this.#steps.size > keptSteps) {
        const [oldest] = this.#steps;
        this.#steps.delete(oldest);
        this.#entries.delete(oldest);
      }
    }
    this.#wake();
  }

  /** No more events will come. */
  close() {
    this.#closed = true;
    this.#wake();
  }

  /** `[id, event]` with ids above `after`: those that are there, then each as it comes, until the log is closed. */
  async *read(after, signal) {
    let wake = () => undefined;
    const ring = () => wake();
    this.#readers.add(ring);
    signal.addEventListener('abort', ring);
    try {
      for (;;) {
        while (after < this.#last) {
          const event = this.#entries.get(++after);
          if (event) yield [after, event];
          if (signal.aborted) return;
        }
        if (this.#closed || signal.aborted) return;
        await new Promise((resolve) => (wake = resolve));
      }
    } finally {
      this.#readers.delete(ring);
      signal.removeEventListener('abort', ring);
    }
  }

  #wake() {
    for (const ring of this.#readers) ring();
  }
}

// The knowledge map as it grows: one line of JSON for each piece of work that is done, so that a stop loses none.
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFailure } from '../checkpoint/durable_file.js';

/** Results by name of the piece of work. */
export class TrialsFile {
  readonly #done = new Map<string, unknown>();

  /**
   * Opens the map at `path`, or starts one; null keeps it in memory only.
   * @param key of everything that the numbers depend on: a map of another key is begun anew
   * @throws OUTPUT_FAILED
   */
  constructor(
    readonly path: string | null,
    key: string,
  ) {
    if (path === null) return;
    const lines = existsSync(path) ? wholeLines(path) : [];
    const [head, ...rest] = lines;
    if (head !== undefined && (JSON.parse(head) as { key?: string }).key === key) {
      for (const line of rest) {
        const [name, value] = JSON.parse(line) as [string, unknown];
        this.#done.set(name, value);
      }
      return;
    }
    try {
      writeFileSync(path, `${JSON.stringify({ key })}\n`);
    } catch (thrown) {
      throw writeFailure(path, thrown);
    }
  }

  /** What `work` gives, which is plain JSON; read where it was done before. @throws OUTPUT_FAILED, and as `work` */
  once<T>(name: string, work: () => T): T {
    if (this.#done.has(name)) return this.#done.get(name) as T;
    const value = work();
    this.#done.set(name, value);
    if (this.path !== null) {
      try {
        appendFileSync(this.path, `${JSON.stringify([name, value])}\n`);
      } catch (thrown) {
        throw writeFailure(this.path, thrown);
      }
    }
    return value;
  }
}

/** Lines that were written to their end; what a kill cut short is taken off the file. */
function wholeLines(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  const end = text.lastIndexOf('\n') + 1;
  const bytes = Buffer.byteLength(text.slice(0, end));
  if (end < text.length) truncateSync(path, bytes);
  return text.slice(0, end).split('\n').slice(0, -1);
}

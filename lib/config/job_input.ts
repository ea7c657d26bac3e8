// A complete job in the words of a job file, so that it can be changed and checked again.
import type { Job } from './job.js';

/** What {@link parseJob} makes this job of again. */
export function jobInputOf(job: Job): Record<string, unknown> {
  return snake({ ...job }) as Record<string, unknown>;
}

function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([key, v]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), snake(v)]),
  );
}

// The job that a plan of a model alone assumes: every default, and data that nobody reads.
import type { Job } from '../config/job.js';
import type { Override } from '../config/overrides.js';
import { parseJob } from '../config/parse_job.js';
import type { JobInput } from '../config/schema.js';

/** Three sources, as the quickstart has: how many there are changes how much is evaluated. */
const sources = ['a', 'b', 'c'].map((name) => ({ name, path: name }));

/** @param model undefined where an override names it, or nobody @throws CONFIG_INVALID */
export function modelJob(
  model: string | undefined,
  input: Partial<JobInput> = {},
  overrides: readonly Override[] = [],
): Job {
  return parseJob(
    { sources, ...input, ...(model === undefined ? {} : { model }) },
    { overrides, file: 'the plan' },
  );
}

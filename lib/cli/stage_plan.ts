// Which stages a command will go through, so that its progress can tell what remains.
import { type StageName, stages } from '../events.js';

export type Goal = 'analyze' | 'prune' | 'recover' | 'run';

/** The stages of a job in their order; without instructions there is nothing to recover on them. */
export function stagePlan(goal: Goal, job: { instruct: unknown }): readonly StageName[] {
  const all = stages.filter((stage) => stage !== 'recover-instruct' || job.instruct !== null);
  if (goal === 'analyze') return all.slice(0, all.indexOf('budget') + 1);
  if (goal === 'prune') return [...all.slice(0, all.indexOf('compress') + 1), 'export'];
  return all;
}

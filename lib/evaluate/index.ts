// The registry of evaluation tasks by lm-eval's names: one line each.
import { closest, distance } from 'fastest-levenshtein';
import { LoraShearError } from '../errors.js';
import { arcChallenge, arcEasy } from './arc.js';
import { boolq } from './boolq.js';
import { hellaswag } from './hellaswag.js';
import { openbookqa } from './openbookqa.js';
import { piqa } from './piqa.js';
import type { Task } from './task.js';
import { winogrande } from './winogrande.js';

export const tasks = {
  boolq,
  piqa,
  hellaswag,
  winogrande,
  arc_easy: arcEasy,
  arc_challenge: arcChallenge,
  openbookqa,
} as const satisfies Record<string, Task>;

export type TaskName = keyof typeof tasks;

export const taskNames = Object.keys(tasks) as TaskName[];

/**
 * The given names, checked, each once.
 * @throws LoraShearError `TASK_UNKNOWN` with the nearest name
 */
export function taskList(names: readonly string[]): TaskName[] {
  for (const name of names) {
    if (Object.hasOwn(tasks, name)) continue;
    const near = closest(name.toLowerCase().replaceAll('-', '_'), taskNames);
    const known = `the tasks are ${taskNames.join(', ')}`;
    throw new LoraShearError('TASK_UNKNOWN', `there is no task "${name}"`, {
      hint: distance(name, near) <= near.length / 2 ? `did you mean ${near}? (${known})` : known,
      facts: { name, nearest: near, known: taskNames },
    });
  }
  if (names.length === 0) {
    throw new LoraShearError('TASK_UNKNOWN', 'no task was named', {
      hint: `name one or more of ${taskNames.join(', ')}`,
    });
  }
  return [...new Set(names)] as TaskName[];
}

// Where in the model the running code is: pushed by Module.call, read by errors and traces.
import { clocked } from './call_clock.js';

const path: string[] = [];

/** Runs `fn` inside the module called `name`. */
export function insideModule<T>(name: string, fn: () => T): T {
  path.push(name);
  try {
    return clocked('module', name, fn);
  } finally {
    path.pop();
  }
}

/** Dotted path of the innermost running module, '' outside any. */
export function modulePath(): string {
  return path.join('.');
}

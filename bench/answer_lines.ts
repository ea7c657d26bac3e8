// The answering side of the protocol of measuring_process.ts: a handler for each question, errors as answers.
import { createInterface } from 'node:readline';
import type { Request } from './measuring_process.js';

/** Answers standard input line by line, in order, until it ends. */
export async function answerLines(handle: (request: Request) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    let answer: unknown;
    try {
      answer = { ok: (await handle(JSON.parse(line) as Request)) ?? null };
    } catch (thrown) {
      answer = {
        error: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown),
      };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

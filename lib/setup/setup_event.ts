// What set-up tells while it works; the CLI draws it, a program may ignore it.

/** `step` begins a piece of work, `progress` moves it on, `done` ends it; `note` is a remark. */
export type SetupEvent =
  | { kind: 'step'; step: SetupStep; text: string }
  | {
      kind: 'progress';
      step: SetupStep;
      done: number;
      total: number;
      unit: 'bytes' | 'files' | 'compiled';
    }
  | { kind: 'done'; step: SetupStep; text: string; seconds: number }
  | { kind: 'note'; text: string };

export type SetupStep = 'wait' | 'download' | 'unpack' | 'build';

export type OnSetupEvent = (event: SetupEvent) => void;

/** Runs `work` between a `step` and a `done` event. */
export async function asStep<T>(
  onEvent: OnSetupEvent,
  step: SetupStep,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  onEvent({ kind: 'step', step, text });
  const result = await work();
  onEvent({ kind: 'done', step, text, seconds: (performance.now() - start) / 1000 });
  return result;
}

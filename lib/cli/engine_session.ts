// What every command around the engine shares: set-up on first use, progress, JSON events, Ctrl-C.
import type { EngineOptions } from '../engine/client.js';
import type { StageName } from '../events.js';
import type { SetupEvent } from '../setup/setup_event.js';
import { renderer } from './render.js';
import { setupProgress } from './setup_progress.js';
import { withStopSignals } from './stop_signals.js';

/** Runs `work` with options for the engine's client that draw on standard error, or print JSON lines. */
export async function engineSession<T>(
  { json, plan }: { json: boolean; plan?: readonly StageName[] },
  work: (options: EngineOptions) => Promise<T>,
): Promise<T> {
  const draw = renderer(process.stderr, plan);
  const onStop = () => {
    if (!json) draw.note('stopping after this step and saving; Ctrl-C again leaves at once');
  };
  const drawSetup = setupProgress();
  try {
    return await withStopSignals(onStop, (signal) =>
      work({
        signal,
        onEvent: json ? printJson : draw.event,
        onSetup: json ? (event: SetupEvent) => printJson({ type: 'setup', ...event }) : drawSetup,
      }),
    );
  } finally {
    draw.end();
  }
}

/** One line of standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

// Thins out progress: a step of a tiny model takes a millisecond, an eye wants ten a second.
import type { RunEvent, StageName } from '../events.js';

type Progress = Extract<RunEvent, { type: 'progress' }>;

/**
 * Passes everything on but progress that follows the last one of its stage within `interval` ms. What was held
 * back goes out before the next other event, so that nobody is left with 97 %.
 */
export function rateLimit(
  emit: (event: RunEvent) => void,
  { interval = 100, now = () => performance.now() } = {},
): (event: RunEvent) => void {
  let held: Progress | undefined;
  let last: { stage: StageName; at: number } | undefined;
  const flush = () => {
    if (held) emit(held);
    held = undefined;
  };
  return (event) => {
    if (event.type !== 'progress') {
      if (event.type !== 'metric') flush();
      emit(event);
      return;
    }
    const soon = last?.stage === event.stage && now() - last.at < interval;
    if (soon && event.done < event.total) {
      held = event;
      return;
    }
    if (held?.stage !== event.stage) flush();
    held = undefined;
    last = { stage: event.stage, at: now() };
    emit(event);
  };
}

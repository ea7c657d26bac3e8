// Draws a text while a model writes it: standard output has the text alone, standard error how fast it came.
import pc from 'picocolors';
import { generate } from '../engine/client.js';
import type { GenerateRequest } from '../engine/requests.js';
import type { GeneratedText } from '../generate/write_text.js';
import { digits, whole } from '../report/format.js';
import { setupProgress } from './setup_progress.js';
import { withStopSignals } from './stop_signals.js';

/** On a terminal a plain prompt stands in front of its continuation, dimmed. */
export async function printGenerated(
  request: GenerateRequest,
  { json }: { json: boolean },
): Promise<void> {
  const { stdout, stderr } = process;
  let begun = false;
  let last = '';
  const write = (text: string): void => {
    if (!begun && stdout.isTTY && request.prompt !== undefined)
      stdout.write(pc.dim(request.prompt));
    begun = true;
    if (text !== '') last = text;
    stdout.write(text);
  };
  const endLine = (): void => {
    if (begun && !last.endsWith('\n')) stdout.write('\n');
  };
  try {
    const result = await withStopSignals(
      () => undefined,
      (signal) =>
        generate(request, {
          signal,
          onSetup: setupProgress(),
          onToken: ({ text }) => {
            if (!json) write(text);
          },
        }),
    );
    if (json) stdout.write(`${JSON.stringify(result)}\n`);
    else {
      endLine();
      stderr.write(pc.dim(`${summaryOf(result)}\n`));
    }
  } catch (thrown) {
    endLine();
    throw thrown;
  }
}

const reasons = {
  end: 'ended by the model',
  stop: 'ended at a stop text',
  length: 'ended at the most tokens asked for',
};

/** `128 tokens after 9 in 0.61 s (210 tokens/s), ended by the model`. */
function summaryOf({
  ids,
  promptIds,
  seconds,
  tokensPerSecond,
  finishReason,
}: GeneratedText): string {
  const written = `${whole(ids.length)} token${ids.length === 1 ? '' : 's'}`;
  const rate = `${digits(seconds, 3)} s (${digits(tokensPerSecond, 3)} tokens/s)`;
  return `${written} after ${whole(promptIds.length)} of prompt in ${rate}, ${reasons[finishReason]}`;
}

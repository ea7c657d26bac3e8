// A prompt's continuation as text: tokens, their text as it becomes certain, why it ended, and how fast it came.
import type { Model } from '../models/model.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { type GenerateOptions, checkRoom, generate } from './generate.js';
import { stopStrings } from './stop_strings.js';
import { textStream } from './text_stream.js';

/** `end`: an end token came; `stop`: a stop string; `length`: the most tokens were written. */
export type FinishReason = 'end' | 'stop' | 'length';

export interface GeneratedText {
  promptIds: number[];
  /** What was written, the end token included. */
  ids: number[];
  /** Without special tokens, and without the stop string that ended it. */
  text: string;
  finishReason: FinishReason;
  /** From the start to the first token. */
  promptSeconds: number;
  /** From the start to the last token. */
  seconds: number;
  /** New tokens by `seconds`. */
  tokensPerSecond: number;
}

export interface WriteTextOptions extends Omit<GenerateOptions, 'maxNewTokens'> {
  /** Most tokens to write; default: what the context has room for, at most {@link defaultNewTokens}. */
  maxNewTokens?: number | undefined;
  /** The text ends before the first of these. */
  stop?: readonly string[] | undefined;
  /** Told each token; `text` is what it makes certain and may be empty, or of several tokens. */
  onToken?: ((token: { id: number; text: string }) => void) | undefined;
}

export const defaultNewTokens = 128;

/** @throws as {@link generate} */
export function writeText(
  model: Model,
  tokenizer: Pick<Tokenizer, 'decode'>,
  promptIds: readonly number[],
  options: WriteTextOptions,
): GeneratedText {
  const { stop = [], onToken } = options;
  const room = Math.max(1, model.context - promptIds.length);
  const { maxNewTokens = Math.min(room, defaultNewTokens) } = options;
  checkRoom(model.context, promptIds.length, maxNewTokens);
  const pieces = textPieces(tokenizer, promptIds, stop);
  const ids: number[] = [];
  let text = '';
  const start = performance.now();
  let [promptSeconds, seconds] = [0, 0];
  const tokens = generate(model, promptIds, { ...options, maxNewTokens });
  const finish = (finishReason: FinishReason): GeneratedText => {
    const tokensPerSecond = ids.length / seconds;
    const times = { promptSeconds, seconds, tokensPerSecond };
    return { promptIds: [...promptIds], ids, text, finishReason, ...times };
  };
  try {
    for (;;) {
      const next = tokens.next();
      if (next.done === true) return finish(next.value);
      const id = next.value;
      ids.push(id);
      seconds = (performance.now() - start) / 1000;
      if (ids.length === 1) promptSeconds = seconds;
      const last = ids.length === maxNewTokens || options.endIds?.includes(id) === true;
      const piece = pieces(id, last);
      text += piece.text;
      onToken?.({ id, text: piece.text });
      if (piece.stopped) return finish('stop');
    }
  } finally {
    tokens.return('length');
  }
}

/** The text that each token makes certain, up to a stop string; all that is left with the last token. */
function textPieces(
  tokenizer: Pick<Tokenizer, 'decode'>,
  promptIds: readonly number[],
  stop: readonly string[],
): (id: number, last: boolean) => { text: string; stopped: boolean } {
  const stream = textStream(tokenizer, promptIds);
  const stops = stopStrings(stop);
  return (id, last) => {
    const piece = stops.push(stream.push(id));
    if (!last || piece.stopped) return piece;
    const rest = stops.push(stream.end());
    const text = piece.text + rest.text;
    return { text: rest.stopped ? text : text + stops.end(), stopped: rest.stopped };
  };
}

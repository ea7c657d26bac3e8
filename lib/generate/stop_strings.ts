// Ends a text before the first of some strings, also where it comes in pieces.

export interface StopStrings {
  /** Text that is certain to stand before any stop string; `stopped` once one came, which is then left out. */
  push(piece: string): { text: string; stopped: boolean };
  /** What was held back because a stop string might have begun with it. */
  end(): string;
}

export function stopStrings(strings: readonly string[]): StopStrings {
  const wanted = strings.filter((one) => one !== '');
  let held = '';
  return {
    push(piece) {
      held += piece;
      const found = wanted.map((one) => held.indexOf(one)).filter((at) => at >= 0);
      if (found.length > 0) {
        const text = held.slice(0, Math.min(...found));
        held = '';
        return { text, stopped: true };
      }
      const keep = Math.max(0, ...wanted.map((one) => overlap(held, one)));
      const text = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text, stopped: false };
    },
    end() {
      const text = held;
      held = '';
      return text;
    },
  };
}

/** Length of the longest end of `text` that `wanted` begins with. */
function overlap(text: string, wanted: string): number {
  for (let length = Math.min(text.length, wanted.length - 1); length > 0; length--) {
    if (text.endsWith(wanted.slice(0, length))) return length;
  }
  return 0;
}

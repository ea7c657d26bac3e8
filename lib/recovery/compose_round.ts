// The subset of a round that begins: composed by the mixture, within what the sources have.
import { capShares } from './cap_shares.js';
import type { Feed } from './feed.js';
import { mixtures } from './mixtures/index.js';
import { degradation } from './mixtures/mixture.js';
import type { RecoveryOptions } from './options.js';
import { type RecoveryState, type Round, stepsOf } from './state.js';

type Losses = Readonly<Record<string, number>>;

/** The round's entry in the artefact, and what is to be said of it. `losses` are those measured now. */
export function composeRound(
  { round: index, rounds }: Pick<RecoveryState, 'round' | 'rounds'>,
  { losses, dense, feed }: { losses: Losses; dense: Losses; feed: Feed },
  options: Pick<RecoveryOptions, 'mixture' | 'eta' | 'steps' | 'rounds'>,
): { round: Round; warning: string | null } {
  const { mixture = 'degradation', eta } = options;
  const { sizes, perStep } = feed;
  const last = rounds.at(-1);
  const previous = last ? (last.wanted ?? last.mixture) : null;
  const wanted = mixtures[mixture]({ losses, dense, sizes, previous, eta });
  const samples = stepsOf(index, options) * perStep;
  const { shares, capped, repeats } = capShares(wanted, sizes, samples);
  const round: Round = {
    ...{ index, mixture: { ...shares }, degradation: degradation(losses, dense) },
    ...{ steps: 0, tokens: 0, validation: { ...losses }, accepted: false },
    ...(capped.length > 0 ? { wanted } : {}),
    ...(repeats ? { repeats } : {}),
  };
  return { round, warning: warningOf(`round ${index + 1}`, samples, { capped, repeats }) };
}

function warningOf(
  round: string,
  samples: number,
  { capped, repeats }: Pick<ReturnType<typeof capShares>, 'capped' | 'repeats'>,
): string | null {
  if (repeats) return `${round}: it takes ${samples} samples, more than there are; some come again`;
  if (capped.length === 0) return null;
  return `${round}: ${capped.join(', ')} has less than its share; it gives all, the others the rest`;
}

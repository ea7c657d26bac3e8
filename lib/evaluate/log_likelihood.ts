// How probable a causal model finds given tokens: batched, right-padded, the head only where a target is.
import type { Context } from '../context.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { argmax, crossEntropy, indexSelect, reshape, to } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';

/** Tokens of which those from index `from` (at least 1) on are scored, each given all before it. */
export interface ScoredSequence {
  readonly tokens: ArrayLike<number>;
  readonly from: number;
}

export interface SequenceScore {
  /** log p(tokens[i] | tokens[0 … i−1]) in nats for i = from … tokens.length − 1. */
  readonly logProbabilities: Float32Array;
  /** Whether every scored token is the model's first choice; null unless asked for. */
  readonly greedy: boolean | null;
}

export interface ScoreOptions {
  /** Tokens in one forward pass, padding included; a longer sequence goes alone. */
  maxTokens?: number;
  /** Elements of one block of logits (positions × vocabulary). */
  maxLogits?: number;
  /** Compare every scored token with the model's first choice. */
  greedy?: boolean;
  /** Called after every batch with the sequences done so far. */
  progress?: ((done: number, total: number) => void) | undefined;
}

/** 16 MiB of float32 logits stay near the cache of a CPU; more only costs memory. */
const defaultLogits = 1 << 22;

/** One forward row, shared by all sequences that differ in their last token only. */
interface Row {
  readonly input: Int32Array;
  readonly members: number[];
}

/**
 * Scores each sequence; results in the order given. Sequences of one length class share a batch, and those with
 * equal inputs (answers of one token to one question) share a row. Causal attention makes a mask needless: no
 * scored position sees the padding to its right. Sequences must fit into the model's context.
 */
export function scoreSequences(
  model: Model,
  sequences: readonly ScoredSequence[],
  ctx: Context,
  { maxTokens = 4096, maxLogits = defaultLogits, greedy = false, progress }: ScoreOptions = {},
): SequenceScore[] {
  const scores: SequenceScore[] = sequences.map(({ tokens, from }) => ({
    logProbabilities: new Float32Array(Math.max(0, tokens.length - from)),
    greedy: greedy ? true : null,
  }));
  const rows = distinctRows(sequences);
  let done = sequences.length - membersOf(rows); // those with nothing to score
  for (const batch of batches(rows, maxTokens)) {
    ctx.checkpoint();
    noGrad(() => {
      scoped(() => {
        scoreBatch(model, batch, sequences, scores, { device: ctx.device, maxLogits, greedy });
      });
    });
    done += membersOf(batch);
    progress?.(done, sequences.length);
  }
  return scores;
}

/** log p(token[i + 1] | token[0 … i]) in nats for every token but the first; see {@link scoreSequences}. */
export function logProbabilities(
  model: Model,
  sequences: readonly ArrayLike<number>[],
  ctx: Context,
  options: ScoreOptions = {},
): Float32Array[] {
  const scored = sequences.map((tokens) => ({ tokens, from: 1 }));
  return scoreSequences(model, scored, ctx, options).map((score) => score.logProbabilities);
}

/** Inputs without their last token, equal ones once, longest first. */
function distinctRows(sequences: readonly ScoredSequence[]): Row[] {
  const rows = new Map<string, Row>();
  sequences.forEach(({ tokens, from }, member) => {
    if (tokens.length <= from) return;
    const input = Int32Array.from(tokens).subarray(0, tokens.length - 1);
    const key = input.join();
    const row = rows.get(key);
    if (row) row.members.push(member);
    else rows.set(key, { input, members: [member] });
  });
  return [...rows.values()].sort((a, b) => b.input.length - a.input.length);
}

function membersOf(rows: readonly Row[]): number {
  return rows.reduce((count, { members }) => count + members.length, 0);
}

function* batches(rows: readonly Row[], maxTokens: number): Generator<Row[]> {
  for (let at = 0; at < rows.length;) {
    const longest = (rows[at] as Row).input.length;
    const size = Math.max(1, Math.floor(maxTokens / longest));
    yield rows.slice(at, at + size);
    at += size;
  }
}

function scoreBatch(
  model: Model,
  batch: readonly Row[],
  sequences: readonly ScoredSequence[],
  scores: SequenceScore[],
  { device, maxLogits, greedy }: { device: string; maxLogits: number; greedy: boolean },
): void {
  const length = (batch[0] as Row).input.length;
  const padded = new Int32Array(batch.length * length);
  const positions: number[] = []; // rows of the flattened hidden states
  const targets: number[] = [];
  const owners: [sequence: number, index: number][] = [];
  batch.forEach(({ input, members }, row) => {
    padded.set(input, row * length);
    for (const member of members) {
      const { tokens, from } = sequences[member] as ScoredSequence;
      for (let i = from; i < tokens.length; i++) {
        positions.push(row * length + i - 1);
        targets.push(tokens[i] as number);
        owners.push([member, i - from]);
      }
    }
  });

  const hidden = model.hidden(longTensorOn(device, padded, [batch.length, length])); // (B, T, C)
  const flat = reshape(hidden, [batch.length * length, hidden.extent(-1)]); // (B·T, C)
  const chunk = Math.max(1, Math.floor(maxLogits / model.vocabulary));
  for (let at = 0; at < positions.length; at += chunk) {
    const { loss, first } = scoped(() => {
      const rows = longTensorOn(device, positions.slice(at, at + chunk));
      const wanted = longTensorOn(device, targets.slice(at, at + chunk));
      const logits = to(model.head(indexSelect(flat, 0, rows)), device, 'float32'); // (N, V)
      return {
        loss: crossEntropy(logits, wanted, 'none').toFloat32(), // −log softmax at the target
        first: greedy ? argmax(logits, -1).toArray() : null,
      };
    });
    loss.forEach((negative, i) => {
      const [member, index] = owners[at + i] as [number, number];
      const score = scores[member] as SequenceScore;
      score.logProbabilities[index] = -negative;
      if (first && first[i] !== targets[at + i]) scores[member] = { ...score, greedy: false };
    });
  }
}

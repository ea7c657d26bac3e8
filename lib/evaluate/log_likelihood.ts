// How probable a causal model finds given tokens: common beginnings once, batched by length, the head only where a target is.
import type { Context } from '../context.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { argmax, crossEntropy, indexSelect, reshape, to } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type SharedRow, sharedRows } from './shared_prefix.js';

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

/**
 * Scores each sequence; results in the order given. Sequences that begin alike (answers to one question) share a row, in
 * which their common beginning is computed once; rows of one length class share a batch. Without such rows, causal attention
 * makes a mask needless: no scored position sees the padding to its right. Sequences must fit into the model's context.
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
  const rows = rowsOf(sequences, maxTokens);
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

/** Rows of inputs, which lack the last token; longest first. */
function rowsOf(sequences: readonly ScoredSequence[], maxTokens: number): SharedRow[] {
  const ids = [...sequences.keys()].filter((i) => {
    const { tokens, from } = sequences[i] as ScoredSequence;
    return tokens.length > from;
  });
  const inputs = ids.map((i) =>
    Int32Array.from((sequences[i] as ScoredSequence).tokens).subarray(0, -1),
  );
  return sharedRows(inputs, ids, maxTokens).sort((a, b) => b.input.length - a.input.length);
}

function membersOf(rows: readonly SharedRow[]): number {
  return rows.reduce((count, { members }) => count + members.length, 0);
}

function* batches(rows: readonly SharedRow[], maxTokens: number): Generator<SharedRow[]> {
  for (let at = 0; at < rows.length;) {
    const longest = (rows[at] as SharedRow).input.length;
    const size = Math.max(1, Math.floor(maxTokens / longest));
    yield rows.slice(at, at + size);
    at += size;
  }
}

function scoreBatch(
  model: Model,
  batch: readonly SharedRow[],
  sequences: readonly ScoredSequence[],
  scores: SequenceScore[],
  { device, maxLogits, greedy }: { device: string; maxLogits: number; greedy: boolean },
): void {
  const length = (batch[0] as SharedRow).input.length;
  const padded = new Int32Array(batch.length * length);
  const positions: number[] = []; // rows of the flattened hidden states
  const targets: number[] = [];
  const owners: [sequence: number, index: number][] = [];
  batch.forEach(({ input, tree: { trunk }, members }, row) => {
    padded.set(input, row * length);
    for (const { sequence, branch } of members) {
      const { tokens, from } = sequences[sequence] as ScoredSequence;
      for (let i = from; i < tokens.length; i++) {
        const at = i <= trunk ? i - 1 : branch + i - 1 - trunk;
        positions.push(row * length + at);
        targets.push(tokens[i] as number);
        owners.push([sequence, i - from]);
      }
    }
  });

  const ids = longTensorOn(device, padded, [batch.length, length]);
  const branched = batch.some(({ tree }) => tree.branches.length > 0);
  const hidden = model.hidden(ids, branched ? { trees: batch.map(({ tree }) => tree) } : {}); // (B, T, C)
  const flat = reshape(hidden, [batch.length * length, hidden.extent(-1)]); // (B·T, C)
  const chunk = Math.max(1, Math.floor(maxLogits / model.vocabulary));
  for (let at = 0; at < positions.length; at += chunk) {
    const loss = scoped(() => {
      const rows = longTensorOn(device, positions.slice(at, at + chunk));
      const wanted = longTensorOn(device, targets.slice(at, at + chunk));
      const logits = to(model.head(indexSelect(flat, 0, rows)), device, 'float32'); // (N, V)
      if (greedy) markNotGreedy(logits, { targets, owners, scores, at });
      return crossEntropy(logits, wanted, 'none').toFloat32(); // −log softmax at the target
    });
    loss.forEach((negative, i) => {
      const [member, index] = owners[at + i] as [number, number];
      (scores[member] as SequenceScore).logProbabilities[index] = -negative;
    });
  }
}

/** What is scored, in the order of the rows of logits. */
interface Scored {
  readonly targets: readonly number[];
  readonly owners: readonly (readonly [sequence: number, index: number])[];
  readonly scores: SequenceScore[];
}

/**
 * Sequences with a token that is not the first choice are marked. Most have one at their first token, so that the largest of a
 * row of logits (N, V) is looked for there at first, and at the other tokens of the few that are left.
 */
function markNotGreedy(
  logits: Tensor,
  { targets, owners, scores, at }: Scored & { readonly at: number },
): void {
  const all = Array.from({ length: logits.extent(0) }, (_, i) => i);
  const ownerOf = (i: number): number => (owners[at + i] as [number, number])[0];
  const isFirst = (i: number): boolean => i === 0 || ownerOf(i - 1) !== ownerOf(i);
  for (const part of [all.filter(isFirst), all.filter((i) => !isFirst(i))]) {
    const open = part.filter((i) => scores[ownerOf(i)]?.greedy === true);
    if (open.length === 0) continue;
    const rows = longTensorOn(logits.device, open);
    argmax(indexSelect(logits, 0, rows), -1)
      .toArray()
      .forEach((best, k) => {
        const i = open[k] as number;
        const score = scores[ownerOf(i)] as SequenceScore;
        if (best !== targets[at + i]) scores[ownerOf(i)] = { ...score, greedy: false };
      });
  }
}

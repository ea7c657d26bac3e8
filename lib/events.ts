// Typed progress events: plain JSON, posted across threads and printed by --json.

/** The stages of a run, in order. */
export const stages = [
  'load',
  'trace',
  'partition',
  'knowledge',
  'budget',
  'lhspg',
  'compress',
  'evaluate-dense',
  'evaluate-cut',
  'recover-pretraining',
  'recover-instruct',
  'export',
  'evaluate-recovered',
  'report',
] as const;

/** A stage of a run, or the one stage of another command. */
export type StageName = (typeof stages)[number] | 'evaluate' | 'score' | 'generate';

export type RunEvent =
  /** `reused`: its artefact stood from an earlier run and was read. */
  | { type: 'stage-start'; stage: StageName; reused: boolean }
  | { type: 'stage-end'; stage: StageName; seconds: number }
  /** `done` of `total` units of work ('step', 'evaluation', 'token' …). */
  | {
      type: 'progress';
      stage: StageName;
      done: number;
      total: number;
      unit: string;
      loss?: number;
      perplexity?: number;
      rate?: number;
      note?: string;
    }
  | { type: 'metric'; stage: StageName; step: number; values: Record<string, number | string> }
  /** The model wrote `id`; `text` is what became certain with it: empty, or of several tokens. */
  | { type: 'token'; index: number; id: number; text: string }
  | { type: 'saved'; path: string; what: string }
  | { type: 'warning'; message: string };

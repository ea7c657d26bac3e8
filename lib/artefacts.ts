// The JSON that each stage leaves in the run folder; the report is made from these and nothing else (design §1, 24).
import type { TextPerplexity } from './evaluate/text_perplexity.js';
import type { Rollback } from './train/divergence.js';

/** graph.json */
export interface GraphArtefact {
  nodes: number;
  values: number;
  parameters: number;
  seconds: number;
}

/** Perplexity by the named protocol, per source. */
export interface PerplexityRow {
  source: string;
  perplexity: number;
  /** mean negative log-likelihood in nats and its standard error over windows */
  nll: number;
  stderr: number;
  tokens: number;
}

/** knowledge.json (paper Alg. 3) */
export interface KnowledgeArtefact {
  proxy: string;
  ratios: number[];
  /** share γ of the node groups with the largest deviation that become unprunable */
  protectShare: number;
  calibration: { sequences: number; length: number; tokens: number };
  dense: { loss: number; perplexity: number };
  /** ranked, largest deviation first */
  groups: {
    id: string;
    kind: string;
    layer: number | null;
    units: number;
    protected: boolean;
    /** largest over the ratios of the mean deviation of loss, in nats per token */
    deviation: number;
    trials: {
      ratio: number;
      removed: number;
      loss: number;
      stderr: number;
      perplexity: number;
      kl: number;
      klStderr: number;
    }[];
  }[];
  /** two groups taken out together: growth of the loss, and how much more that is than both alone */
  pairs?: { groups: string[]; removed: number[]; together: number; interaction: number }[];
}

/** budget.json: how many units every group loses, and why so many */
export interface BudgetArtefact {
  rule: 'layer' | 'global' | 'kind';
  /** what `ratio` is a share of */
  measure: string;
  ratio: number;
  /** what told the groups apart; null where all layers lose alike */
  importance: 'knowledge' | 'saliency' | null;
  /** units that each group loses */
  counts: Record<string, number>;
  before: BudgetMeasures;
  after: BudgetMeasures;
  /** shares of each measure that go */
  ratios: BudgetMeasures;
  /** that of the target's measure */
  achieved: number;
  /** parameters that go */
  parameters: number;
  /** what every layer loses and keeps; null where layers differ or have none */
  kvHeadsRemovedPerLayer: number | null;
  channelsRemovedPerLayer: number | null;
  kvHeads: number | null;
  channels: number | null;
  damage: number | null;
  protected: string[];
  /** protected groups that lose units all the same */
  touched: readonly string[];
}

export interface BudgetMeasures {
  readonly parameters: number;
  /** multiply-accumulates of one token with a whole context */
  readonly macs: number;
  /** bytes of the key-value cache for one token */
  readonly kvBytes: number;
  readonly memory: number;
}

/** lhspg.json (paper Alg. 4) */
export interface LhspgArtefact {
  form: 'transfer' | 'paper' | 'one-shot' | 'one-shot-transfer';
  saliency: string;
  /** units that every layer loses; null where layers lose different numbers */
  target: { ratio: number; parameters: number; kvHeads: number | null; channels: number | null };
  achieved: { ratio: number; parameters: number; zeroUnits: number };
  warmupSteps: number;
  learningRate: number;
  seed: number;
  tokens: number;
  periods: {
    index: number;
    steps: number;
    /** per group: units chosen in this period, with the score each had */
    chosen: { group: string; units: number[]; scores: number[] }[];
    /** training loss of the last step before the period, and of its last; null where no step was made */
    lossBefore: number | null;
    lossAfter: number | null;
    zeroUnits: number;
    /** the walk to zero of what was chosen: joint norm before the step, mean λ, groups at zero after it */
    walk: { step: number; norm: number; lambda: number; zero: number }[];
    /** the running model with zeros against the one without them; null where all stayed in place */
    equality: CutArtefact['equality'] | null;
    /** parameters of the running model after the period */
    parameters: number;
  }[];
  /** loss or gradients went wrong: taken back to `backTo`, then on at `rate` times the learning rate */
  rollbacks: Rollback[];
  /** which units stayed and which went, per group; `scores` (by unit, where known) are those of the last choice */
  kept: { group: string; kept: number[]; removed: number[]; scores?: number[] }[];
  losses: { step: number; loss: number; phase: string }[];
}

export interface CutSizes {
  parameters: number;
  bytes: number;
  /** per layer; null where layers differ, or have none */
  kvHeads: number | null;
  heads: number | null;
  channels: number | null;
  /** every layer's sizes, and which of its halves are gone */
  layers: {
    heads?: number;
    kvHeads?: number;
    channels?: number;
    experts?: number;
    expertChannels?: number;
    skip: readonly string[];
  }[];
}

/** cut.json */
export interface CutArtefact {
  before: CutSizes;
  after: CutSizes;
  ratio: number;
  /** masked against compact model: largest |Δ logit| and the scale of the logits */
  equality: { maxAbsDifference: number; logitScale: number; tolerance: number };
}

/** recovery.json, one entry for each stage (paper Alg. 5) */
export interface RecoveryArtefact {
  stage: 'pretraining' | 'instruct';
  /** name in the registry of what composed the rounds */
  composition?: string;
  learningRate: number;
  seed: number;
  tokens: number;
  stopReason: string;
  bestRound: number;
  rounds: {
    index: number;
    /** share of each source in this round's subset */
    mixture: Record<string, number>;
    /** (loss − dense loss) / dense loss per source, before the round */
    degradation: Record<string, number>;
    steps: number;
    /** trained on, without padding */
    tokens: number;
    /** share of the computed tokens that were no padding */
    useful?: number;
    /** what was composed, where sources had less than their share */
    wanted?: Record<string, number>;
    /** all sources together had fewer samples than the round took: some came twice */
    repeats?: boolean;
    /** validation loss per source after the round */
    validation: Record<string, number>;
    accepted: boolean;
  }[];
  losses: { step: number; loss: number; phase: string }[];
  /** back to an earlier step and on at a smaller rate, because the loss was no number any more or rose too far */
  rollbacks?: Rollback[];
  /** where time was limited: how long it took. Such a stage does not end bit for bit alike when it is run again */
  seconds?: number;
}

/** evaluation-{dense,cut,recovered}.json */
export interface EvaluationArtefact {
  model: 'dense' | 'cut' | 'recovered';
  protocol: string;
  perplexity: PerplexityRow[];
  geometricMean: number;
  /** lm-eval's metric names, for example {"arc_easy": {"acc,none": …}} */
  tasks: Record<string, Record<string, number>>;
  samples: Record<string, number>;
  /** perplexities by named protocols; absent where none was asked for */
  texts?: TextPerplexity[];
  /** what the model writes after a fixed prompt, greedily */
  sample?: { prompt: string; text: string };
}

/** partition.json: what may be cut, and why the rest may not */
export interface PartitionArtefact {
  parameters: number;
  fingerprint: string;
  groups: {
    id: string;
    kind: string;
    layer: number | null;
    units: number;
    /** parameters that go with one unit */
    cost: number;
    prunable: boolean;
    reason?: string;
  }[];
}

/** export.json */
export interface ExportArtefact {
  /** Folder of the model. */
  dir: string;
  modelType: string;
  /** Why the model type is not the input's. */
  reason?: string;
  form?: string;
  parameters: number;
  bytes: number;
  /** of these, what only fills layers up to one size (padded) */
  waste?: { parameters: number; bytes: number };
  /** the folder loaded again against the model in memory */
  equality?: CutArtefact['equality'];
}

/** load.json: what was read, by `source/split` */
export type LoadArtefact = Record<
  string,
  {
    documents: number;
    tokens: number;
    /** left out because they came before; absent in runs of before they were looked for */
    duplicates?: number;
  }
>;

/** What the report reads, by the stage that leaves it in `<stage>.json`. */
export interface StageArtefacts {
  load: LoadArtefact;
  trace: GraphArtefact;
  partition: PartitionArtefact;
  'evaluate-dense': EvaluationArtefact;
  knowledge: KnowledgeArtefact;
  budget: BudgetArtefact;
  lhspg: LhspgArtefact;
  compress: CutArtefact;
  'evaluate-cut': EvaluationArtefact;
  'recover-pretraining': RecoveryArtefact;
  'recover-instruct': RecoveryArtefact;
  export: ExportArtefact;
  'evaluate-recovered': EvaluationArtefact;
}

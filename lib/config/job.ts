// The job: everything that one run is told, complete and checked. Made by parseJob, kept in the run's manifest.
import type { AllocationRule } from '../budget/allocate.js';
import type { Form } from '../checkpoint/form_of.js';
import type { TemplateName } from '../data/alpaca.js';
import type { ExamplePacking } from '../data/pack_examples.js';
import type { Packing } from '../data/packing.js';
import type { PerplexitySpec } from '../evaluate/perplexity_spec.js';
import type { CutKind } from '../groups/group.js';
import type { PullRule } from '../lhspg/pull.js';
import type { EngineName } from '../plan/engines/names.js';
import type { MixtureName } from '../recovery/mixtures/index.js';
import type { SaliencySpec } from '../saliency/spec.js';
import type { Checkpointing } from '../train/memory.js';
import type { ScheduleName } from '../train/schedule.js';

/** How redundant units go (schema.ts says what each does). */
export const lhspgForms = ['transfer', 'paper', 'one-shot', 'one-shot-transfer'] as const;
export type LhspgForm = (typeof lhspgForms)[number];

/** What `ratio` may be a share of (lib/plan/target.ts knows them). */
export const budgetMeasures = ['parameters', 'macs', 'kv', 'memory'] as const;
export type BudgetMeasure = (typeof budgetMeasures)[number];

/** One source of pretraining text. */
export interface JobSource {
  readonly name: string;
  /** A file, or a folder that may hold train* and validation* files. */
  readonly path: string;
  /** Column or field of the text; undefined: `text`. */
  readonly textColumn?: string | undefined;
  /** The paper's cleaning: irregular characters, paragraphs of 64 tokens or fewer. */
  readonly clean: boolean;
  /** Tokens that are read of each split at most; undefined: all. */
  readonly maxTokens?: number | undefined;
}

/** Instructions in Alpaca's format for the second recovery stage. */
export interface JobInstruct {
  readonly path: string;
  /** File of instructions to validate on; undefined: found in the folder, or held out. */
  readonly validation?: string | undefined;
  readonly template: TemplateName;
  readonly trainOnInputs: boolean;
}

/** Paths are absolute. The defaults are in schema.ts. */
export interface Job {
  /** Folder of the dense model. */
  readonly model: string;
  /** Run folder. */
  readonly output: string;
  /** Share of all parameters to remove, in (0, 1). */
  readonly ratio: number;
  readonly seed: number;
  /** Threads of libtorch; undefined: its own choice. */
  readonly threads?: number | undefined;
  /** `cpu`, `cuda` or `cuda:N`. */
  readonly device: string;
  /** At least one. */
  readonly sources: readonly JobSource[];
  /** Leave out documents that came before, and from training what is validated on. */
  readonly deduplicate: boolean;
  readonly instruct: JobInstruct | null;
  /** Tokens of a training and evaluation window, at most the model's context. */
  readonly sequenceLength: number;
  /** Windows in one optimiser step. */
  readonly batchSize: number;
  /** Of these, in memory at a time; null: all. */
  readonly microBatchSize: number | null;
  /** What is computed again for its gradient instead of being kept. */
  readonly checkpointing: Checkpointing;
  /** Record the training steps of each period as a CUDA graph. */
  readonly cudaGraphs: boolean;
  /** Type that the base weights train and are cut in; LoRA is float32. */
  readonly dtype: 'float32' | 'bfloat16';
  /** Training tokens of LHSPG and pretraining recovery together. */
  readonly tokens: number;
  readonly knowledge: {
    readonly proxy: SaliencySpec;
    /** Trial ratios: shares of a group's units taken out. */
    readonly ratios: readonly number[];
    /** Share of the node groups that is protected. */
    readonly protect: number;
    /** Calibration windows. */
    readonly sequences: number;
    /** So many groups of largest deviation are taken out in pairs as well. */
    readonly pairs: number;
  };
  readonly lora: { readonly r: number; readonly alpha: number };
  readonly lhspg: {
    readonly form: LhspgForm;
    readonly saliency: SaliencySpec;
    readonly periods: number;
    /** The periods come in so many runs, with training alone in between. */
    readonly rounds: number;
    /** Share of LHSPG's steps that is training alone, between rounds. */
    readonly restShare: number;
    /** Share of `tokens` that LHSPG trains on, warm-up included. */
    readonly tokenShare: number;
    /** Share of LHSPG's steps that is warm-up. */
    readonly warmupShare: number;
    readonly learningRate: number;
    readonly schedule: ScheduleName;
    /** Largest L2 norm of all gradients together. */
    readonly clip: number;
    /** How hard redundant groups are pulled to zero (form `paper`). */
    readonly pull: PullRule;
    /** ε of the half-space projection, in [0, 1). */
    readonly epsilon: number;
    /** Calibration windows of the saliency and the transfer. */
    readonly sequences: number;
  };
  readonly cut: {
    /** kv heads that each layer loses, or `auto`; for allocation `layer`. */
    readonly kvHeads: 'auto' | number;
    /** What may be cut. */
    readonly kinds: readonly CutKind[];
    /** What `ratio` is a share of. */
    readonly budget: BudgetMeasure;
    readonly allocation: AllocationRule;
    /** What says how much a group may lose, for allocations `global` and `kind`. */
    readonly importance: 'knowledge' | 'saliency';
    /** Share of the units of each group that stays at least. */
    readonly floor: number;
    /** Channels that stay in a layer are a multiple of it. */
    readonly roundChannelsTo: number;
    /** Engines that must load the result. */
    readonly engines: readonly EngineName[];
  };
  readonly export: {
    readonly form: Form;
    /** Largest number of bytes of weights in one file. */
    readonly maxShardBytes: number;
  };
  readonly recovery: {
    readonly learningRate: number;
    readonly rounds: number;
    /** What composes each round. */
    readonly mixture: MixtureName;
    /** What attention sees of a training window. */
    readonly packing: Packing;
    /** Balanced share η of the mixture. */
    readonly eta: number;
    /** Converged when no source's degradation moves by more than this in two rounds. */
    readonly tolerance: number;
    /** Rounds without a better state after which to stop. */
    readonly patience: number;
    /** Stop after so long; null: no limit. */
    readonly maxSeconds: number | null;
    readonly validationWindows: number;
    /** Share of the loss that follows the dense model's distribution. */
    readonly distill: number;
  };
  readonly instructTuning: {
    readonly tokens: number;
    readonly learningRate: number;
    readonly rounds: number;
    readonly batchSize: number;
    /** Whether instructions share rows or have one each. */
    readonly packing: ExamplePacking;
    readonly maxSeconds: number | null;
  };
  readonly evaluation: {
    /** lm-eval's task names. */
    readonly tasks: readonly string[];
    /** Perplexities by named protocols. */
    readonly perplexity: readonly PerplexitySpec[];
    /** Hugging Face hub cache with the tasks' datasets; undefined: the user's. */
    readonly dataDir?: string | undefined;
    /** Documents per task; null: all. */
    readonly limit: number | null;
    /** Perplexity windows per source. */
    readonly windows: number;
    /** Start of the sample of text in the report; null: chosen from the sources. */
    readonly samplePrompt: string | null;
  };
}

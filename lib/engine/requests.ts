// What the engine's tasks are asked with and what they answer.
import type { Form } from '../checkpoint/form_of.js';
import type { Job } from '../config/job.js';
import type { JobInput } from '../config/schema.js';
import type { EngineName } from '../plan/engines/names.js';
import type { PlanSettings } from '../plan/plan.js';
import type { CompareOptions, EvaluateOptions, ScoreFileOptions } from '../evaluate/commands.js';
import type { GenerateTextOptions } from '../generate/command.js';

export interface RunRequest {
  job: Job;
  /** How far: to the knowledge map and the budget, to the cut model, or to the report (`recover`: from the cut on). */
  goal: 'analyze' | 'prune' | 'recover' | 'run';
  resume: boolean;
  /** Go on with the folder's run under another job. */
  amend: boolean;
  /** As typed, for the manifest. */
  command: string;
  /** Holds the run folder's lock. */
  owner: string;
}

/** A model of a run folder in another form. */
export interface ExportRequest {
  /** Run folder. */
  run: string;
  /** Folder of the model. */
  output: string;
  form?: Form | undefined;
  maxShardBytes?: number | undefined;
  /** Engines that must load it. */
  engines?: readonly EngineName[] | undefined;
  device?: string | undefined;
  threads?: number | undefined;
}

export interface PlanRequest {
  job: Job;
  settings?: PlanSettings;
  /** Plan the model alone: the job's data and output are made up. */
  modelOnly?: boolean;
}

/** A model folder; config.json is enough. All else is as in a job, with its defaults. */
export interface PlanModelRequest extends PlanSettings {
  model: string;
  /** Key-value heads that each layer loses, or `auto`. */
  kvHeads?: number | 'auto' | undefined;
  lora?: JobInput['lora'];
  /** `cpu`, `cuda` or `cuda:N`; default `cpu`. */
  device?: string | undefined;
}

/** Where a command without a job computes. */
interface Place {
  /** `cpu`, `cuda` or `cuda:N`; default `cpu`. */
  device?: string | undefined;
  /** Threads of libtorch; its own choice by default. */
  threads?: number | undefined;
}

export type CompareRequest = Omit<CompareOptions, 'progress'> & Place;
export type EvaluateRequest = Omit<EvaluateOptions, 'progress'> & Place;
export type GenerateRequest = GenerateTextOptions & Place;
export type ScoreRequest = Omit<ScoreFileOptions, 'progress'> & Place;

// The toolkit for programs. Everything here runs in an engine thread of its own; the caller's event loop stays free.
export {
  analyze,
  compare,
  evaluate,
  exportModel,
  generate,
  plan,
  planModel,
  prune,
  recover,
  resume,
  run,
  score,
} from './engine/client.js';
export type { EngineOptions, GenerateOptions, RunOptions } from './engine/client.js';
export type { Running } from './engine/running.js';
export type {
  CompareRequest,
  EvaluateRequest,
  ExportRequest,
  GenerateRequest,
  PlanModelRequest,
  ScoreRequest,
} from './engine/requests.js';
export { loadJob } from './config/load_job.js';
export { parseJob, type ParseOptions } from './config/parse_job.js';
export type { Override } from './config/overrides.js';
export type { Job, JobInstruct, JobSource } from './config/job.js';
export type { JobInput } from './config/schema.js';
export { errorCodes, LoraShearError, type ErrorCode, type SerialisedError } from './errors.js';
export { stages, type RunEvent, type StageName } from './events.js';
export { report, type Report } from './report/report.js';
export { writeReport, type WrittenReport } from './report/write_report.js';
export type { AnalysisSummary, Plan, PruneSummary, RunSummary } from './run.js';
export type { ModelPlan, PlannedCut, PlanSettings } from './plan/plan.js';
export type { Allocation, AllocationRule } from './budget/allocate.js';
export type { Measure, Measures } from './plan/costs.js';
export type { Rule, Verdict } from './plan/engines/engine.js';
export type { EngineName } from './plan/engines/names.js';
export type { Prediction } from './plan/prediction.js';
export type { GroupRow } from './plan/rows.js';
export type { Target } from './plan/target.js';
export type { ComparedResults } from './evaluate/commands.js';
export type { ComparedAccuracy, ComparedPerplexity, Comparison } from './evaluate/compare.js';
export type { EvaluationResults } from './evaluate/results.js';
export type { FinishReason, GeneratedText } from './generate/write_text.js';
export type { ChatMessage } from './tokenizer/chat_template.js';
export type { TextScore } from './evaluate/score.js';
export type * from './artefacts.js';
export type { OnSetupEvent, SetupEvent } from './setup/setup_event.js';

// Data: sources of text, token streams, windows, samplers and instructions.
export type { Document, Source, Split } from './document.js';
export { formats, type FormatName } from './formats.js';
export { openSource, type SourceOptions } from './source.js';
export { cleanText, paperCleaning, type CleaningOptions } from './cleaning.js';
export { tokenizeSource, type TokenStream, type TokenizeOptions } from './token_stream.js';
export { windows, type Windows } from './packing.js';
export {
  createSampler,
  type SampledBatch,
  type SampledSource,
  type Sampler,
  type SamplerState,
} from './sampler.js';
export type { StopSignal } from './stop_signal.js';
export { createRandom, shuffle, type Random, type RandomState } from './random.js';
export {
  promptOf,
  readInstructions,
  templates,
  type Instruction,
  type TemplateName,
} from './alpaca.js';
export {
  createExampleSampler,
  encodeInstructions,
  ignored,
  padBatch,
  type EncodedInstructions,
  type EncodeInstructionsOptions,
  type Example,
  type ExampleSampler,
  type ExampleBatch,
} from './instruction_examples.js';

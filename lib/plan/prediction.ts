// How much memory and time a run will take: an estimate from the graph, the job and the measured rate of this machine.
import type { Job } from '../config/job.js';
import { type Graph, elements } from '../graph/graph.js';
import type { NodeGroup, Partition } from '../groups/group.js';
import type { Budget } from '../pipeline/budget.js';
import { momentsOf } from '../saliency/spec.js';
import type { Measures } from './costs.js';
import type { Rate } from './rate.js';

/** What a run does, as far as memory and time depend on it. */
export type Work = Pick<
  Job,
  | 'batchSize'
  | 'sequenceLength'
  | 'knowledge'
  | 'lhspg'
  | 'recovery'
  | 'instruct'
  | 'instructTuning'
  | 'evaluation'
> & { readonly sources: { readonly length: number } };

/** Bytes at the peak, by what they are for. */
export interface MemoryPrediction {
  readonly peak: number;
  /** Stage in which the peak is. */
  readonly stage: 'prune' | 'recover';
  /** The program and libtorch. */
  readonly program: number;
  /** float32, whatever the checkpoint stores; recovery holds the dense model beside the cut one. */
  readonly weights: number;
  /** LoRA factors, gradients, two moments, and in recovery the best state. */
  readonly lora: number;
  /** What backward needs of one step. */
  readonly activations: number;
  /** Second moments of what the prunable groups' consumers read, as far as form and saliency need them, float64 (prune). */
  readonly statistics: number;
}

/** What a stage computes. */
export interface StageWork {
  readonly stage: 'evaluate' | 'knowledge' | 'prune' | 'recover';
  readonly macs: number;
  /** Numbers that operators make, which small models spend their time on. */
  readonly numbers: number;
  /** Calls of operators, each of which costs something however small its tensors are. */
  readonly calls: number;
  /** null without a measured rate. */
  readonly seconds: number | null;
}

export interface Prediction {
  readonly memory: MemoryPrediction;
  readonly stages: readonly StageWork[];
  /** null without a measured rate. */
  readonly seconds: number | null;
  /** What the time will probably be between. */
  readonly range: { readonly least: number; readonly most: number } | null;
  readonly rate: Rate | null;
}

/** Measured by predicted time of small runs was 0.9 to 4 (docs/plan.md); the rates are those of an idle core. */
const spread = { least: 0.5, most: 4 };

export interface PredictionInput {
  readonly graph: Graph;
  readonly partition: Partition;
  readonly dense: Pick<Measures, 'parameters' | 'macs'>;
  readonly cut: Pick<Measures, 'parameters' | 'macs'>;
  readonly work: Work;
  readonly budget: Budget;
  /** Bytes of the process before any weight. */
  readonly program: number;
  readonly rate: Rate | null;
}

/** An estimate, not a bound: data preparation, tasks and files are not in it. */
export function predict(input: PredictionInput): Prediction {
  const stages = stagesOf(input);
  const seconds = stages.reduce<number | null>(
    (sum, stage) => (sum === null || stage.seconds === null ? null : sum + stage.seconds),
    0,
  );
  const range =
    seconds === null ? null : { least: spread.least * seconds, most: spread.most * seconds };
  return { memory: memoryOf(input), stages, seconds, range, rate: input.rate };
}

const float32 = 4;

function memoryOf(input: PredictionInput): MemoryPrediction {
  const { graph, partition, dense, cut, work, program } = input;
  const factors = loraNumbers(graph, partition);
  const tokens = work.batchSize * work.sequenceLength;
  const activations = float32 * tokens * numbersPerToken(graph);
  const oneShot = work.lhspg.form.startsWith('one-shot');
  const prune = {
    weights: float32 * dense.parameters,
    lora: 4 * float32 * factors,
    activations: oneShot ? 0 : activations,
    statistics: statisticsBytes(partition.groups, work.lhspg),
  };
  const recover = {
    weights: float32 * (dense.parameters + cut.parameters),
    lora: 5 * float32 * factors,
    activations,
    statistics: 0,
  };
  // Moments are gone before the training steps of a period begin.
  const pruning =
    prune.weights + prune.lora + Math.max(prune.activations, prune.statistics) + program;
  const recovering = recover.weights + recover.lora + recover.activations + program;
  return recovering >= pruning
    ? { peak: recovering, stage: 'recover', program, ...recover }
    : { peak: pruning, stage: 'prune', program, ...prune };
}

/** Numbers in all factors of LoRA. */
function loraNumbers({ values }: Graph, { groups }: Partition): number {
  const names = new Set(
    groups.flatMap(({ slices }) => slices.filter(({ lora }) => lora).map(({ param }) => param)),
  );
  return values
    .filter(({ name }) => name !== undefined && names.has(name))
    .reduce((n, value) => n + elements(value), 0);
}

const views =
  /^aten::(t|transpose|view|slice|select|expand|unsqueeze|squeeze|split|chunk|unbind|detach|permute)(\.|$|_)/;

/** Numbers that the operators of one forward pass make of each token, views aside; the logits' gradients with them. */
function numbersPerToken({ values, nodes, outputs }: Graph): number {
  const tokens = values.find(({ kind }) => kind === 'input');
  const traced = tokens ? elements(tokens) : 1;
  let made = 0;
  for (const { op, outputs: results } of nodes) {
    if (views.test(op)) continue;
    for (const id of results) {
      const value = values[id];
      if (value) made += elements(value) / traced;
    }
  }
  // Logits without their last position, their log-softmax and its gradient.
  const logits = outputs.reduce((n, id) => n + (values[id] ? elements(values[id]) : 0), 0) / traced;
  return made + 3 * logits;
}

/** Each consumer's second moments are n·n numbers of float64, of which the largest are copied and inverted, or n squares. */
function statisticsBytes(
  groups: readonly NodeGroup[],
  { form, saliency }: Pick<Work['lhspg'], 'form' | 'saliency'>,
): number {
  const moments = form.endsWith('transfer') ? 'products' : momentsOf(saliency);
  if (!moments) return 0;
  const sizes = new Map<string, number>();
  for (const { prunable, slices } of groups) {
    if (!prunable) continue;
    for (const { role, lora, param, extent } of slices) {
      if (role === 'consumer' && lora === null) sizes.set(param, extent);
    }
  }
  const all = [...sizes.values()].map((n) => (moments === 'products' ? n ** 2 : n));
  if (moments === 'squares') return 8 * all.reduce((sum, n) => sum + n, 0);
  const largest = all.reduce((most, size) => Math.max(most, size), 0);
  return 8 * (all.reduce((sum, size) => sum + size, 0) + 4 * largest);
}

/** Tokens count as often as operators go over them. */
interface Part {
  readonly macs: number;
  readonly tokens: number;
  readonly passes: number;
}

function stagesOf(input: PredictionInput): StageWork[] {
  const { graph, dense, cut, work, budget, rate } = input;
  const { sequenceLength: length, knowledge, lhspg, recovery, evaluation } = work;
  const { tokensPerStep } = budget;
  const operators = graph.nodes.length;
  const perToken = numbersPerToken(graph);
  const stage = (name: StageWork['stage'], parts: readonly Part[]): StageWork => {
    const sum = (of: (part: Part) => number): number => parts.reduce((n, part) => n + of(part), 0);
    const macs = sum((part) => part.macs);
    const numbers = perToken * sum((part) => part.tokens);
    const calls = operators * sum((part) => part.passes);
    const seconds =
      rate &&
      macs / rate.macsPerSecond + numbers / rate.numbersPerSecond + calls * rate.secondsPerCall;
    return { stage: name, macs, numbers, calls, seconds };
  };
  /** Windows read without gradients. */
  const read = (model: Pick<Measures, 'macs'>, windows: number): Part => ({
    macs: windows * length * model.macs,
    tokens: windows * length,
    passes: Math.ceil((windows * length) / tokensPerStep),
  });
  /** Frozen weights: backward goes through each product once more, to the gradient of its input. */
  const train = (model: Pick<Measures, 'macs'>, tokens: number): Part => ({
    macs: 2 * tokens * model.macs,
    tokens: 3 * tokens,
    passes: 3 * Math.ceil(tokens / tokensPerStep),
  });

  const measured = evaluation.windows * work.sources.length;
  const trials = knowledge.ratios.length * passesOfTrials(input);
  const periods = lhspg.form.startsWith('one-shot') ? 1 : lhspg.periods;
  const validation = recovery.validationWindows * work.sources.length;
  const instructed = work.instruct ? [train(cut, work.instructTuning.tokens)] : [];
  return [
    stage('evaluate', [read(dense, measured), read(cut, 2 * measured)]),
    stage('knowledge', [read(dense, knowledge.sequences * (2 + trials))]),
    stage('prune', [
      read(dense, periods * lhspg.sequences),
      train(dense, budget.lhspg * tokensPerStep),
    ]),
    stage('recover', [
      train(cut, budget.recovery * tokensPerStep),
      read(cut, validation * (recovery.rounds + 1)),
      read(dense, validation),
      ...instructed,
    ]),
  ];
}

/** Passes of the dense model that a trial of every prunable group takes: each begins at the group's layer. */
function passesOfTrials({ graph, partition, dense }: PredictionInput): number {
  const prunable = partition.groups.filter((group) => group.prunable);
  const layers = 1 + partition.groups.reduce((most, { layer }) => Math.max(most, layer ?? 0), 0);
  const before = 1 - headMacs(graph) / dense.macs; // share of all layers
  return prunable.reduce((sum, { layer }) => sum + 1 - ((layer ?? 0) / layers) * before, 0);
}

/** Multiply-accumulates of a token that make the logits: the elements of the matrix with a side of their width. */
function headMacs({ values, outputs }: Graph): number {
  const width = outputs.map((id) => values[id]?.shape.at(-1))[0];
  return values
    .filter(({ kind, shape }) => kind === 'parameter' && shape.length === 2 && shape[0] === width)
    .reduce((most, value) => Math.max(most, elements(value)), 0);
}

// What the model weighs and costs before and after, on disk and in use.
import type { BudgetMeasures } from '../../artefacts.js';
import type { Timings } from '../../run_folder/artefact_file.js';
import { amount, type Block, type Cell, type Section, table, text } from '../document.js';
import { bytes, change, digits, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';
import { evaluations } from './outcome.js';

export function sizes(record: RunRecord): Section | undefined {
  const { compress: cut, export: exported, budget } = record.values;
  if (!cut && !budget) return undefined;
  const row = (name: string, a?: number | null, b?: number | null, show = whole): Cell[][] => {
    if ((a ?? null) === null && (b ?? null) === null) return [];
    const both = typeof a === 'number' && typeof b === 'number' && a !== 0;
    const share = amount(both ? b / a - 1 : null, () => change(a ?? NaN, b ?? NaN));
    const side = (n?: number | null): Cell => (n === null ? 'differs' : amount(n, show));
    return [[name, side(a), side(b), share]];
  };
  const measure = (name: string, key: keyof BudgetMeasures, show = whole): Cell[][] =>
    row(name, budget?.before[key], budget?.after[key], show);
  const { before, after } = cut ?? {};
  const rows = [
    ...(cut
      ? row('parameters', before?.parameters, after?.parameters)
      : measure('parameters', 'parameters')),
    ...row('weights on disk', before?.bytes, after?.bytes, bytes),
    ...measure('multiply-accumulates of a token, whole context', 'macs'),
    ...measure('key-value cache of a token', 'kvBytes', bytes),
    ...measure('memory of weights and cache, whole context', 'memory', bytes),
    ...row('kv heads per layer', before?.kvHeads, after?.kvHeads),
    ...row('query heads per layer', before?.heads, after?.heads),
    ...row('MLP channels per layer', before?.channels, after?.channels),
  ];
  const blocks: Block[] = [table(['', 'before', cut ? 'after' : 'as planned', 'change'], rows)];
  const timed = evaluations(record).flatMap(({ model }): [string, Timings][] => {
    const timings = record.timings[`evaluate-${model}`];
    return timings ? [[model, timings]] : [];
  });
  if (timed.length > 0) blocks.push(...speedBlocks(timed));
  if (exported) {
    const { modelType, reason, form = 'uniform', waste, bytes: size } = exported;
    const shape = form === 'uniform' ? '' : ` in the ${form} form`;
    const filled = waste ? `, of which ${bytes(waste.bytes)} are zeros that only fill` : '';
    const why = reason === undefined ? '' : `: ${reason}`;
    blocks.push(
      text(`Exported as \`${modelType}\`${shape}, ${bytes(size)} of weights${filled}${why}.`),
    );
  }
  return { id: 'sizes', title: 'Size, memory and speed', blocks };
}

function speedBlocks(timed: readonly [string, Timings][]): Block[] {
  const rate = (s: Timings[string] | undefined): Cell =>
    amount(s && s.seconds > 0 ? s.tokens / s.seconds : null, (n) => digits(n, 3));
  return [
    table(
      ['model', 'reading, tokens/s', 'writing, tokens/s'],
      timed.map(([model, timings]) => [model, rate(timings['read']), rate(timings['written'])]),
    ),
    text(
      'Timed while this run measured: reading is scoring the held-out windows, writing is the sample of text, one token at a time. One pass each, on a machine that may have done other things: an order of magnitude, no benchmark.',
    ),
  ];
}

// Perplexities by named protocols, dense, cut and recovered: the numbers that papers print.
import { amount, type Cell, type Section, table, text } from '../document.js';
import { change, digits, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';
import { evaluations } from './outcome.js';

export function texts(record: RunRecord): Section | undefined {
  const found = evaluations(record).filter(({ texts: own = [] }) => own.length > 0);
  const [first] = found;
  if (!first) return undefined;
  const rows = (first.texts ?? []).flatMap(({ name, metrics, headline, window, windows, tokens }) =>
    Object.keys(metrics).map((metric): Cell[] => {
      const values = found.map(
        (e) => e.texts?.find((own) => own.name === name)?.metrics[metric] ?? NaN,
      );
      const [from = NaN, to = NaN] = [values[0], values.at(-1)];
      const head = metric === headline;
      return [
        ...[head ? name : '', metric.replaceAll('_', ' ')],
        ...values.map((value) => amount(value, digits)),
        ...(found.length > 1 ? [amount(to / from - 1, () => change(from, to))] : []),
        ...(head
          ? [amount(window, whole), amount(windows, whole), amount(tokens, whole)]
          : ['', '', '']),
      ];
    }),
  );
  const head = [
    ...['protocol:text', 'metric', ...found.map(({ model }) => model)],
    ...(found.length > 1 ? ['last against dense'] : []),
    ...['window', 'windows', 'tokens'],
  ];
  return {
    id: 'texts',
    title: 'Perplexity by named protocols',
    blocks: [
      table(head, rows),
      text(
        'A perplexity compares with others of the same protocol, text and window alone (docs/evaluation.md).',
      ),
    ],
  };
}

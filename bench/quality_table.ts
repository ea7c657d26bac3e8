// The quality table in Markdown: mean ± standard deviation over the seeds of rows that quality.js printed.
//   node dist/bench/quality_table.js bench/results/quality-*.jsonl
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

interface Row {
  /** What was asked beyond form and saliency, as flags. */
  readonly args?: string;
  readonly form: string;
  readonly saliency: string;
  readonly ratio: number;
  readonly seed: number;
  /** Of the tokens that LHSPG got; the first rows do not say it. */
  readonly share?: number;
  readonly cut: { readonly geometricMean: number };
  readonly recovered: { readonly geometricMean: number };
}

/** Flags that the table shows without their names. */
const columns = /--(form|saliency|ratio|seed|share) \S+ ?/g;

/** The share that a job gives by default, and that of the rows before rows said it. */
const [usual, first] = [0.1, 0.2];

function methodOf({ form, saliency, share = first, args = '' }: Row): string {
  const told = form.startsWith('one-shot') || share === usual ? '' : `--share ${share}`;
  const parts = [form, saliency, told, args.replace(columns, '').trim()];
  return parts.filter((part) => part !== '').join(' ');
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function spread(values: readonly number[]): string {
  if (values.length < 2) return '';
  const centre = mean(values);
  const squares = values.map((value) => (value - centre) ** 2);
  return ` ± ${digits(Math.sqrt((mean(squares) * values.length) / (values.length - 1)), 2)}`;
}

/** Three digits that matter, or so many after the point. */
const digits = (value: number, places?: number): string =>
  value >= 100 ? value.toFixed(0) : value.toFixed(places ?? (value >= 10 ? 1 : 2));

function cell(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const cut = digits(mean(rows.map((row) => row.cut.geometricMean)));
  const recovered = rows.map((row) => row.recovered.geometricMean);
  const seeds = rows.length === 3 ? '' : ` (${rows.length})`;
  return `${cut} → ${digits(mean(recovered), 2)}${spread(recovered)}${seeds}`;
}

for (const file of process.argv.slice(2)) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const rows = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Row);
  const ratios = [...new Set(rows.map(({ ratio }) => ratio))].sort((a, b) => a - b);
  const last = ratios.at(-1);
  const order = (method: string): number => {
    const at = rows.filter((row) => methodOf(row) === method);
    const key = at.find(({ ratio }) => ratio === 0.5) ?? at.find(({ ratio }) => ratio === last);
    return key?.recovered.geometricMean ?? Infinity;
  };
  const methods = [...new Set(rows.map(methodOf))].sort((a, b) => order(a) - order(b));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  console.log(`${basename(file)}\n`);
  console.log(line(['form, saliency', ...ratios.map((ratio) => `${100 * ratio} %`)]));
  console.log(line(['---', ...ratios.map(() => '---')]));
  for (const method of methods) {
    const own = rows.filter((row) => methodOf(row) === method);
    console.log(
      line([method, ...ratios.map((ratio) => cell(own.filter((row) => row.ratio === ratio)))]),
    );
  }
  console.log('');
}

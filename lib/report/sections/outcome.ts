// Perplexity dense, cut and recovered on every source, and the numbers to see first.
import type { EvaluationArtefact } from '../../artefacts.js';
import { chart, type Drawing, type Frame, ink } from '../chart.js';
import { axis, categories, colours, grid, legend } from '../chart_style.js';
import { amount, type Cell, type Headline, type Section, table, text } from '../document.js';
import { bytes, change, digits, percent, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';
import { takenBack } from '../taken_back.js';

/** The three moments at which a run measures. */
export function evaluations({ values }: RunRecord): EvaluationArtefact[] {
  const all = [values['evaluate-dense'], values['evaluate-cut'], values['evaluate-recovered']];
  return all.filter((e) => e !== undefined);
}

export function headlines(record: RunRecord): Headline[] {
  const { compress: cut } = record.values;
  const found = evaluations(record);
  const of = (model: EvaluationArtefact['model']) => found.find((e) => e.model === model);
  const [dense, last] = [of('dense'), of('recovered') ?? of('cut')];
  const result: Headline[] = [];
  if (cut) {
    const { before, after } = cut;
    result.push({
      label: 'Parameters removed',
      value: amount(1 - after.parameters / before.parameters, percent),
      note: `${whole(before.parameters)} → ${whole(after.parameters)}`,
    });
  }
  if (dense && last && dense !== last) {
    result.push({
      label: `Perplexity, ${last.model === 'cut' ? 'cut, not recovered' : 'recovered'}`,
      value: amount(last.geometricMean, digits),
      note: `dense ${digits(dense.geometricMean)}, ${change(dense.geometricMean, last.geometricMean)}`,
    });
  }
  const [cutOnly, recovered] = [of('cut'), of('recovered')];
  if (dense && cutOnly && recovered) {
    const losses = [dense, cutOnly, recovered].map((e) => Math.log(e.geometricMean));
    const back = takenBack(...(losses as [number, number, number]));
    // Where text of the job teaches more than the cut destroys, there is nothing to take back.
    if (back !== null) {
      result.push({
        label: 'Loss taken back by recovery',
        value: amount(back, (share) => percent(share, 0)),
        note: `perplexity ${digits(cutOnly.geometricMean)} right after the cut`,
      });
    }
  }
  if (cut) {
    result.push({
      label: 'Weights on disk',
      value: amount(cut.after.bytes, bytes),
      note: `before ${bytes(cut.before.bytes)}`,
    });
  }
  return result;
}

export function outcome(record: RunRecord): Section | undefined {
  const found = evaluations(record);
  const [first] = found;
  if (!first) return undefined;
  const names = first.perplexity.map(({ source }) => source);
  const rowOf = (e: EvaluationArtefact, name: string) =>
    e.perplexity.find(({ source }) => source === name);
  const head = [
    ...['source', ...found.map(({ model }) => model)],
    ...(found.length > 1 ? ['last against dense'] : []),
    'tokens',
  ];
  const rows = [
    ...names.map((name, i) => [
      name,
      ...cells(found.map((e) => rowOf(e, name)?.perplexity ?? NaN)),
      amount(first.perplexity[i]?.tokens, whole),
    ]),
    ['geometric mean', ...cells(found.map(({ geometricMean }) => geometricMean)), ''],
  ];
  const losses = found.flatMap((e) =>
    e.perplexity.map(({ source, nll, stderr, tokens }) => [
      ...[e.model, source, amount(nll, digits), amount(stderr, (n) => digits(n, 2))],
      amount(tokens, whole),
    ]),
  );
  return {
    id: 'outcome',
    title: 'What came out',
    blocks: [
      chart(
        {
          title: 'Perplexity on text that was not trained on (lower is better)',
          summary: found
            .map((e) => {
              const each = e.perplexity.map((r) => `${r.source} ${digits(r.perplexity)}`);
              return `${e.model}: ${each.join(', ')}, geometric mean ${digits(e.geometricMean)}`;
            })
            .join('; '),
          data: {
            head: ['model', 'source', 'loss, nats per token', 'standard error', 'tokens'],
            rows: losses,
          },
        },
        (frame) => perplexityBars(found, frame),
      ),
      table(head, rows),
      text(
        `Protocol \`${first.protocol}\`. The standard errors of the mean loss over windows are in the chart's numbers.`,
      ),
    ],
  };
}

/** Perplexities, and the change from the first to the last. */
function cells(values: number[]): Cell[] {
  const [first = NaN, last = NaN] = [values[0], values.at(-1)];
  const against = amount(last / first - 1, () => change(first, last));
  return [...values.map((v) => amount(v, digits)), ...(values.length > 1 ? [against] : [])];
}

function perplexityBars(found: readonly EvaluationArtefact[], frame: Frame): Drawing {
  const names = found[0]?.perplexity.map(({ source }) => source) ?? [];
  const all = found.flatMap((e) => e.perplexity.map(({ perplexity }) => perplexity));
  const log = Math.max(...all) > 8 * Math.min(...all);
  const { legend: style, top } = legend(
    found.map(({ model }) => model),
    frame,
  );
  const [bars, label] = [names.length + 1, frame.narrow ? 10 : 12];
  const own = axis(frame);
  // On a phone bars lie, so that their names and numbers have room.
  const [flat, thick] = [frame.narrow, 16];
  const place = categories('', [...names, 'geometric mean'], frame);
  const size = {
    ...{ type: log ? 'log' : 'value', ...own },
    ...(log ? { min: 10 ** Math.floor(Math.log10(Math.min(...all))) } : {}),
  };
  return {
    height: flat ? top + 40 + bars * (found.length * (thick + 2) + 14) : 330,
    options: {
      legend: style,
      grid: grid({ right: flat ? 40 : 8, top, bottom: 4 }),
      ...(flat
        ? { xAxis: size, yAxis: { ...place, inverse: true } }
        : { xAxis: place, yAxis: size }),
      series: found.map((e) => ({
        ...{ name: e.model, type: 'bar', barGap: '8%', barMaxWidth: flat ? thick : 46 },
        itemStyle: { color: colours[e.model] },
        label: {
          ...{ show: true, position: flat ? 'right' : 'top', color: ink, fontSize: label },
          formatter: ({ value }: { value: number }) => digits(value, 3),
        },
        data: [...e.perplexity.map(({ perplexity }) => perplexity), e.geometricMean],
      })),
    },
  };
}

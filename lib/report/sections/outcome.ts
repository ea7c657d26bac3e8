// Perplexity dense, cut and recovered on every source, and what the model weighs before and after.
import type { EvaluationArtefact } from '../../artefacts.js';
import { axisStyle, colours, draw, grid, ink, legendStyle } from '../chart.js';
import { type Block, type Headline, type Section, table, text } from '../document.js';
import { bytes, change, digits, percent, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';

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
      value: percent(1 - after.parameters / before.parameters),
      note: `${whole(before.parameters)} → ${whole(after.parameters)}`,
    });
  }
  if (dense && last && dense !== last) {
    result.push({
      label: `Perplexity, ${last.model === 'cut' ? 'cut, not recovered' : 'recovered'}`,
      value: digits(last.geometricMean),
      note: `dense ${digits(dense.geometricMean)}, ${change(dense.geometricMean, last.geometricMean)}`,
    });
  }
  const [cutOnly, recovered] = [of('cut'), of('recovered')];
  if (dense && cutOnly && recovered) {
    const lost = Math.log(cutOnly.geometricMean / dense.geometricMean);
    const back = Math.log(cutOnly.geometricMean / recovered.geometricMean);
    // Where text of the job teaches more than the cut destroys, there is nothing to take back.
    if (lost > 0) {
      result.push({
        label: 'Loss taken back by recovery',
        value: percent(back / lost, 0),
        note: `perplexity ${digits(cutOnly.geometricMean)} right after the cut`,
      });
    }
  }
  if (cut) {
    result.push({
      label: 'Weights on disk',
      value: bytes(cut.after.bytes),
      note: `before ${bytes(cut.before.bytes)}`,
    });
  }
  return result;
}

export function outcome(record: RunRecord): Section | undefined {
  const found = evaluations(record);
  const { compress: cut, export: exported } = record.values;
  const [first] = found;
  if (!first) return undefined;
  const names = first.perplexity.map(({ source }) => source);
  const blocks: Block[] = [
    {
      kind: 'chart',
      title: 'Perplexity on text that was not trained on (lower is better)',
      svg: draw(perplexityChart(found), 330),
      summary: found
        .map(
          (e) =>
            `${e.model}: ${e.perplexity.map((r) => `${r.source} ${digits(r.perplexity)}`).join(', ')}`,
        )
        .join('; '),
    },
    table(
      [
        'source',
        ...found.map(({ model }) => model),
        ...(found.length > 1 ? ['against dense'] : []),
        'tokens',
      ],
      [
        ...names.map((name, i) => {
          const rows = found.map((e) => e.perplexity.find(({ source }) => source === name));
          const values = rows.map((r) => r?.perplexity ?? NaN);
          return [name, ...cells(values), whole(first.perplexity[i]?.tokens ?? 0)];
        }),
        ['geometric mean', ...cells(found.map(({ geometricMean }) => geometricMean)), ''],
      ],
    ),
    text(
      `Protocol \`${first.protocol}\`. Standard errors of the mean loss over windows: ${first.perplexity
        .map(({ source, stderr }) => `${source} ${digits(stderr, 2)}`)
        .join(', ')} nats per token (dense).`,
    ),
  ];
  if (cut) {
    const { before, after } = cut;
    const row = (label: string, a: number | null, b: number | null, show = whole) => [
      label,
      a === null ? 'differs' : show(a),
      b === null ? 'differs' : show(b),
      a === null || b === null ? '–' : change(a, b),
    ];
    blocks.push(
      table(
        ['size', 'before', 'after', 'change'],
        [
          row('parameters', before.parameters, after.parameters),
          row('bytes of weights', before.bytes, after.bytes, bytes),
          row('kv heads per layer', before.kvHeads, after.kvHeads),
          row('query heads per layer', before.heads, after.heads),
          row('MLP channels per layer', before.channels, after.channels),
        ].filter(([, a, b]) => a !== 'differs' || b !== 'differs'),
      ),
    );
    if (exported) {
      const { modelType, reason, form = 'uniform', waste } = exported;
      const shape = form === 'uniform' ? '' : ` in the ${form} form`;
      const filled = waste ? `, of which ${bytes(waste.bytes)} are zeros that only fill` : '';
      const why = reason === undefined ? '' : `: ${reason}`;
      blocks.push(text(`Exported as \`${modelType}\`${shape}${filled}${why}.`));
    }
  }
  return { id: 'outcome', title: 'What came out', blocks };
}

/** Perplexities, and the change from the first to the last. */
function cells(values: number[]): string[] {
  const [first, last] = [values[0] ?? NaN, values.at(-1) ?? NaN];
  return [...values.map((v) => digits(v)), ...(values.length > 1 ? [change(first, last)] : [])];
}

function perplexityChart(found: EvaluationArtefact[]) {
  const names = found[0]?.perplexity.map(({ source }) => source) ?? [];
  const all = found.flatMap((e) => e.perplexity.map(({ perplexity }) => perplexity));
  const log = Math.max(...all) > 8 * Math.min(...all);
  const label = { show: true, position: 'top', color: ink, fontSize: 12 };
  return {
    legend: legendStyle,
    grid: grid({ right: 8, top: 42, bottom: 4 }),
    xAxis: { type: 'category', data: [...names, 'geometric mean'], ...axisStyle },
    yAxis: log
      ? { type: 'log', min: 10 ** Math.floor(Math.log10(Math.min(...all))), ...axisStyle }
      : { type: 'value', ...axisStyle },
    series: found.map((e) => ({
      name: e.model,
      type: 'bar',
      barGap: '8%',
      barMaxWidth: 46,
      itemStyle: { color: colours[e.model], borderRadius: [3, 3, 0, 0] },
      label: { ...label, formatter: ({ value }: { value: number }) => digits(value, 3) },
      data: [...e.perplexity.map(({ perplexity }) => perplexity), e.geometricMean],
    })),
  };
}

// Charts over the layers of a model, readable for five of them and for eighty.
import { chart, type Drawing, type Frame, ink } from './chart.js';
import { axis, categories, colours, grid, inkOn, legend, shade, shades } from './chart_style.js';
import type { Block, TableData } from './document.js';

/** What is said of a kind of unit in a layer. */
export const kindNames: Readonly<Record<string, string>> = {
  attention_heads: 'kv heads',
  query_heads: 'query heads',
  mlp_channels: 'MLP channels',
  experts: 'experts',
  expert_channels: 'expert channels',
  residual: 'width',
  sublayer: 'halves',
  layer: 'layers',
  vocabulary: 'vocabulary',
};

export const kindName = (kind: string): string => kindNames[kind] ?? kind;

/** What spans layers comes last. */
export function layersOf(groups: readonly { layer: number | null }[]): (number | null)[] {
  return [...new Set(groups.map(({ layer }) => layer))].sort(
    (a, b) => (a ?? Infinity) - (b ?? Infinity),
  );
}

export const layerName = (layer: number | null): string => (layer === null ? 'all' : String(layer));

/** Bars are labelled while there is room. */
const roomFor = (columns: number, { narrow }: Frame): boolean => columns <= (narrow ? 5 : 16);

export interface HeatCell {
  /** Position among the layers and the rows. */
  readonly x: number;
  readonly y: number;
  /** 0 (pale) to 1 (deep). */
  readonly depth: number;
  readonly label: string;
  /** Framed, with a dot. */
  readonly marked?: boolean;
}

/** Layers from left to right, `rows` from the bottom. */
export function layerMap(
  about: { title: string; summary: string; data: TableData },
  {
    layers,
    rows,
    cells,
  }: {
    layers: readonly (number | null)[];
    rows: readonly string[];
    cells: readonly HeatCell[];
  },
): Block {
  const series = (frame: Frame) => {
    const size = frame.narrow ? 10 : 12;
    const letters = Math.max(...cells.map(({ label, marked }) => label.length + (marked ? 2 : 0)));
    const few = (frame.width - 130) / layers.length > 4 + 0.62 * size * letters;
    // What is framed comes last, lest its neighbours cover the frame.
    const last = [...cells].sort((a, b) => Number(a.marked ?? false) - Number(b.marked ?? false));
    return last.map(({ x, y, depth, label, marked = false }) => ({
      value: [x, y, depth],
      itemStyle: { borderColor: ink, borderWidth: marked ? 1.5 : 0 },
      label: {
        ...{ show: few || marked, color: inkOn(shade(depth)), fontSize: size },
        formatter: few ? `${label}${marked ? ' ●' : ''}` : '●',
      },
    }));
  };
  return chart(about, (frame) => ({
    height: 60 + (frame.narrow ? 26 : 32) * rows.length,
    options: {
      grid: grid({ top: 8, right: 8, bottom: 26 }),
      xAxis: categories('layer', layers.map(layerName), frame),
      yAxis: { type: 'category', data: rows, ...axis(frame), splitLine: { show: false } },
      visualMap: { show: false, min: 0, max: 1, dimension: 2, inRange: { color: shades } },
      series: [{ type: 'heatmap', data: series(frame) }],
    },
  }));
}

/** One kind of unit: how many each layer has, and how many it loses. */
export interface KindCounts {
  readonly kind: string;
  readonly units: readonly number[];
  readonly removed: readonly number[];
}

/** Ticks that end at the whole. */
const tickOf = (most: number): number => (most <= 4 ? 1 : most % 2 === 0 ? most / 2 : most);

/** For each kind a row of bars over the layers, the kept part from below. */
export function keptBars(
  about: { title: string; summary: string; data: TableData },
  layers: readonly (number | null)[],
  kinds: readonly KindCounts[],
): Block {
  const drawing = (frame: Frame): Drawing => {
    const { legend: style, top } = legend(['kept', 'removed'], frame);
    const [each, gap] = [frame.narrow ? 100 : 120, 78];
    const few = roomFor(layers.length, frame);
    const own = axis(frame);
    const at = (i: number): number => top + 24 + i * (each + gap);
    return {
      height: at(kinds.length) - gap + 40,
      options: {
        legend: style,
        title: kinds.map(({ kind }, i) => ({
          ...{ text: kindName(kind), left: 0, top: at(i) - 32 },
          textStyle: { color: ink, fontSize: own.axisLabel.fontSize, fontWeight: 600 },
        })),
        grid: kinds.map((_, i) => ({
          ...grid({ top: at(i), right: 8, bottom: 0 }),
          ...{ bottom: undefined, height: each, outerBoundsMode: 'none', left: 44 },
        })),
        xAxis: kinds.map((_, i) => ({
          ...categories('layer', layers.map(layerName), frame),
          gridIndex: i,
        })),
        yAxis: kinds.map(({ units }, i) => ({
          ...{ type: 'value', max: Math.max(...units), gridIndex: i, ...own },
          interval: tickOf(Math.max(...units)),
        })),
        series: kinds.flatMap(({ units, removed }, i) => {
          const kept = units.map((n, l) => n - (removed[l] ?? 0));
          const series = (name: 'kept' | 'removed', data: readonly number[]) => ({
            ...{ name, type: 'bar', stack: `units ${i}`, xAxisIndex: i, yAxisIndex: i },
            ...{ barCategoryGap: few ? '24%' : '12%', data },
            itemStyle: { color: colours[name] },
            label: {
              ...{ show: few && name === 'kept', position: 'inside', fontSize: 11 },
              color: inkOn(colours[name]),
              // A thin bar has no room for its number.
              formatter: ({ value }: { value: number }) =>
                value >= 0.2 * Math.max(...units) ? String(value) : '',
            },
          });
          return [series('kept', kept), series('removed', removed)];
        }),
      },
    };
  };
  return chart(about, drawing);
}

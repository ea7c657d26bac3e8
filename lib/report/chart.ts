// Draws a chart as SVG text, without a browser, once for a desk and once for a phone; ink follows the page's text colour.
import { BarChart, BoxplotChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
} from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Block, TableData } from './document.js';

use([
  BarChart,
  BoxplotChart,
  HeatmapChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
  SVGRenderer,
]);

/** What a chart is drawn for. */
export interface Frame {
  /** In pixels. */
  readonly width: number;
  /** A phone, upright. */
  readonly narrow: boolean;
}

export const frames = {
  wide: { width: 860, narrow: false },
  narrow: { width: 328, narrow: true },
} as const satisfies Record<string, Frame>;

export type ChartOptions = EChartsCoreOption;

export interface Drawing {
  readonly height: number;
  readonly options: ChartOptions;
}

/** A chart with what it shows in words and in numbers; `drawing` is asked for each frame. */
export function chart(
  about: { title: string; summary: string; data: TableData },
  drawing: (frame: Frame) => Drawing,
): Block {
  const [wide, narrow] = [frames.wide, frames.narrow].map((frame) => draw(drawing(frame), frame));
  return { kind: 'chart', ...about, wide: wide ?? '', narrow: narrow ?? '' };
}

/** Stands for the page's text colour until the SVG is text. */
export const ink = '#010203';

/** The drawing as an SVG element with a viewBox. */
export function draw({ options, height }: Drawing, { width }: Frame): string {
  const drawn = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    drawn.setOption({
      animation: false,
      textStyle: { fontFamily: 'system-ui, sans-serif', color: ink },
      ...options,
    });
    return (
      drawn
        .renderToSVGString()
        .replace(/rgb\(1,2,3\)|#010203/g, 'currentColor')
        // Its rules for a mouse above it: numbered through all drawings of the process, and of no use on paper.
        .replace(/<style[^]*?<\/style>/g, '')
        .replace(/ class="zr[^"]*"/g, '')
        .replace(
          /<rect width="[\d.]+" height="[\d.]+" x="0" y="0" fill="none"\s*\/?>(<\/rect>)?/,
          '',
        )
    );
  } finally {
    drawn.dispose();
  }
}

// Draws a chart as SVG text, without a browser; ink follows the page's text colour, so that it is read in the dark too.
import { BarChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
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
import { percent } from './format.js';

use([
  BarChart,
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

/** Stands for the page's text colour until the SVG is text. */
export const ink = '#010203';

/** Readable on white and on black. */
export const colours = {
  dense: '#7b8794',
  cut: '#d9822b',
  recovered: '#2f9e6e',
  removed: '#d9822b',
  kept: '#4b8fc9',
} as const;

/** Of series without a meaning of their own. */
export const palette = ['#4b8fc9', '#d9822b', '#2f9e6e', '#a371c9', '#c9567b', '#8a8f3c'] as const;

export const width = 860;

export type ChartOptions = EChartsCoreOption;

/** Lines, ticks and letters of an axis. */
export const axisStyle = {
  axisLine: { lineStyle: { color: ink, opacity: 0.4 } },
  axisTick: { show: false },
  axisLabel: { color: ink, fontSize: 13 },
  nameTextStyle: { color: ink, fontSize: 13 },
  splitLine: { lineStyle: { color: ink, opacity: 0.13 } },
} as const;

export const legendStyle = {
  textStyle: { color: ink, fontSize: 13 },
  top: 0,
  left: 0,
  icon: 'roundRect',
  itemWidth: 14,
  itemHeight: 10,
  itemGap: 26,
} as const;

/** The place of the axes with their labels, in pixels from the edges. */
export function grid({ top, right, bottom }: { top: number; right: number; bottom: number }) {
  return { left: 16, top, right, bottom, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' };
}

/** The options as an SVG element with a viewBox. */
export function draw(options: ChartOptions, height: number): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      color: [...palette],
      textStyle: { fontFamily: 'system-ui, sans-serif', color: ink },
      ...options,
    });
    return chart
      .renderToSVGString()
      .replace(/rgb\(1,2,3\)|#010203/g, 'currentColor')
      .replace(
        /<rect width="[\d.]+" height="[\d.]+" x="0" y="0" fill="none"\s*\/?>(<\/rect>)?/,
        '',
      );
  } finally {
    chart.dispose();
  }
}

/** Frame of horizontal bars that divide 100 % between things, one bar for each of `categories`, from the top. */
export function shareFrame(categories: readonly string[]) {
  return {
    legend: legendStyle,
    grid: grid({ right: 40, top: 34, bottom: 4 }),
    xAxis: {
      type: 'value',
      max: 1,
      ...axisStyle,
      axisLabel: { ...axisStyle.axisLabel, formatter: (v: number) => percent(v, 0) },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: categories,
      ...axisStyle,
    },
  };
}

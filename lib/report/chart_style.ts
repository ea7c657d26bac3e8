// How charts look: colours that are told apart on white and on black, axes, legends, and the room they take.
import { type Frame, ink } from './chart.js';
import { percent } from './format.js';

/** At least 3 : 1 against the page in light and dark. */
export const colours = {
  dense: '#7b8794',
  cut: '#cc7722',
  recovered: '#2f9e6e',
  removed: '#cc7722',
  kept: '#4b8fc9',
} as const;

/** Of series without a meaning of their own. */
export const palette = ['#4b8fc9', '#cc7722', '#2f9e6e', '#a371c9', '#c9567b', '#8a8f3c'] as const;

export const colourOf = (index: number): string => palette[index % palette.length] as string;

/** Lines differ in more than colour. */
export const dashOf = (index: number): string => ['solid', 'dashed', 'dotted'][index % 3] as string;

const stops = [
  [226, 236, 245],
  [127, 176, 216],
  [24, 78, 119],
] as const;

/** From pale to deep, as a scale takes them. */
export const shades = stops.map((stop) => hex(stop));

function hex(rgb: readonly number[]): string {
  return `#${rgb.map((c) => Math.round(c).toString(16).padStart(2, '0')).join('')}`;
}

/** The colour of `depth` from 0 to 1: pale to deep blue. */
export function shade(depth: number): string {
  const at = 2 * Math.min(1, Math.max(0, depth));
  const [from, to] = at < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
  const part = at < 1 ? at : at - 1;
  return hex(from.map((c, i) => c + part * ((to[i] as number) - c)));
}

/** Black or white, whichever is read better on `#rrggbb` (WCAG 2.2 contrast). */
export function inkOn(colour: string): string {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = parseInt(colour.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

/** Lines, ticks and letters of an axis. */
export function axis({ narrow }: Frame) {
  const fontSize = narrow ? 11 : 13;
  return {
    axisLine: { lineStyle: { color: ink, opacity: 0.4 } },
    axisTick: { show: false },
    axisLabel: { color: ink, fontSize, hideOverlap: true },
    nameTextStyle: { color: ink, fontSize },
    splitLine: { lineStyle: { color: ink, opacity: 0.13 } },
    ...(narrow ? { splitNumber: 4 } : {}),
  };
}

/** A horizontal axis of `categories` with its name below. */
export function categories(name: string, values: readonly string[], frame: Frame) {
  return {
    ...{ type: 'category', data: values, name, nameLocation: 'middle', nameGap: 26 },
    ...axis(frame),
    splitLine: { show: false },
  };
}

/** Width of a letter in its size, rather too wide: the reader's font is not known. */
const letter = 0.62;

/** A legend of `names` from the top left, and the room below which the axes begin. */
export function legend(names: readonly string[], { width, narrow }: Frame, line = false) {
  const [fontSize, itemGap, itemWidth] = narrow ? [11, 18, 12] : [13, 26, 14];
  const room = narrow ? 0.85 * width : width;
  let [rows, used] = [1, 0];
  for (const { length } of names) {
    const wide = itemWidth + 5 + length * letter * fontSize;
    if (used > 0 && used + wide > room) [rows, used] = [rows + 1, 0];
    used += wide + itemGap;
  }
  const style = {
    ...{ data: names, textStyle: { color: ink, fontSize }, top: 0, left: 0, itemWidth, itemGap },
    ...{ icon: 'roundRect', itemHeight: line ? 4 : 10, width: room, selectedMode: false },
  };
  return { legend: style, top: 18 + rows * (fontSize + 11) };
}

/** The place of the axes with their labels, in pixels from the edges. */
export function grid({ top, right, bottom }: { top: number; right: number; bottom: number }) {
  return { left: 10, top, right, bottom, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' };
}

/** Frame of horizontal bars that divide 100 % between `names`, one bar for each of `bars`, from the top. */
export function shareFrame(bars: readonly string[], names: readonly string[], frame: Frame) {
  const { legend: style, top } = legend(names, frame);
  const own = axis(frame);
  return {
    legend: style,
    grid: grid({ right: 24, top, bottom: 4 }),
    xAxis: {
      ...{ type: 'value', max: 1, ...own },
      axisLabel: { ...own.axisLabel, formatter: (v: number) => percent(v, 0) },
    },
    yAxis: { type: 'category', inverse: true, data: bars, ...own },
  };
}

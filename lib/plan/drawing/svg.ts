// The operator graph as an SVG: laid out by Graphviz, with a legend of the groups, readable on light and dark pages.
import { instance } from '@viz-js/viz';
import type { Graph } from '../../graph/graph.js';
import type { Partition } from '../../groups/group.js';
import type { GroupRow } from '../rows.js';
import { condense } from './condense.js';
import { colourOf, darkStyle, faint, ink, page } from './colours.js';
import { dotSource } from './dot_source.js';

const font = 'Helvetica, Arial, sans-serif';
const lineHeight = 20;

/**
 * Draws `graph`, a model without LoRA.
 * @param rows the groups as the plan tells them, for the legend
 */
export async function drawGraph(
  graph: Graph,
  partition: Partition,
  rows: readonly GroupRow[],
  title: string,
): Promise<string> {
  const viz = await instance();
  const laidOut = viz.renderString(dotSource(condense(graph), partition), { format: 'svg' });
  const [, width = '0', height = '0'] =
    /<svg width="([\d.]+)pt" height="([\d.]+)pt"/.exec(laidOut) ?? [];
  const body = laidOut.slice(laidOut.indexOf('<g id="graph0"'), laidOut.lastIndexOf('</svg>'));
  const legend = legendOf(rows, title);
  const [w, h] = [Number(width), Number(height)];
  const total = { width: Math.max(w, legend.width), height: h + legend.height };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${total.width}" height="${total.height}" viewBox="0 0 ${total.width} ${total.height}" font-family="${font}">`,
    `<title>${escaped(title)}</title>`,
    `<style>${darkStyle()}</style>`,
    `<rect width="100%" height="100%" fill="${page.light}"/>`,
    legend.svg,
    `<g transform="translate(${(total.width - w) / 2} ${legend.height})">${body}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

function legendOf(
  rows: readonly GroupRow[],
  title: string,
): { svg: string; width: number; height: number } {
  const lines = rows.map(({ id, kind, units, prunable, reason }) => {
    const text = `${id}: ${units.toLocaleString('en-US')} units${prunable ? '' : `, stays: ${reason ?? ''}`}`;
    return { text, prunable, colour: colourOf(kind).light };
  });
  const text = (x: number, y: number, words: string, fill: string, more = ''): string =>
    `<text x="${x}" y="${y}" font-size="13" fill="${fill}"${more}>${escaped(words)}</text>`;
  const svg = [
    text(16, 28, title, ink.light, ' font-weight="bold"'),
    ...lines.map(({ text: words, prunable, colour }, i) => {
      const y = 52 + i * lineHeight;
      const dash = prunable ? '' : ' stroke-dasharray="5 3"';
      return `<line x1="16" y1="${y - 4}" x2="46" y2="${y - 4}" stroke="${colour}" stroke-width="4"${dash}/>${text(56, y, words, prunable ? ink.light : faint.light)}`;
    }),
  ].join('\n');
  const longest = Math.max(title.length, ...lines.map(({ text: words }) => words.length));
  return { svg, width: 80 + longest * 7, height: 64 + lines.length * lineHeight };
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

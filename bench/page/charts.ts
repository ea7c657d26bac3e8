// The charts of a page of results: how many times as fast as each peer, and the share of the physical limit.
import { type Drawing, type Frame, chart, ink } from '../../lib/report/chart.js';
import { axis, colours, legend } from '../../lib/report/chart_style.js';
import { type Block, type Quantity, amount } from '../../lib/report/document.js';
import { percent } from '../../lib/report/format.js';
import { significant } from '../table.js';
import { type LimitFigure, type PeerFigure, met } from './figures.js';

const timesText = (times: number): string => `${significant(times)} ×`;
export const times = (value: number | null): Quantity => amount(value, timesText);

const threadsText = (threads: number): string =>
  threads === 1 ? '1 thread' : `${threads} threads`;

/** Rows from the top, with more room for the labels than they should need: the reader's font is not known; they take lines of their own where the page is narrow. */
function rowFrame(labels: readonly string[], frame: Frame, top: number): Drawing {
  const own = axis(frame);
  const { fontSize } = own.axisLabel;
  const longest = Math.max(...labels.map(({ length }) => length));
  const width = Math.min(frame.narrow ? 124 : 400, 0.6 * fontSize * longest);
  const letters = width / (0.56 * fontSize);
  const lines = Math.max(...labels.map(({ length }) => Math.ceil(length / letters)));
  return {
    height: top + 30 + labels.length * ((fontSize + 4) * lines + (frame.narrow ? 6 : 9)),
    options: {
      grid: { left: 1.18 * width + 10, top, right: 52, bottom: 26, outerBoundsMode: 'none' },
      yAxis: {
        ...{ type: 'category', inverse: true, data: labels, ...own },
        axisLabel: { ...own.axisLabel, hideOverlap: false, interval: 0, width, overflow: 'break' },
      },
    },
  };
}

const verdicts = [
  { name: 'target met', of: true, color: colours.recovered, symbol: 'circle' },
  { name: 'target missed', of: false, color: colours.cut, symbol: 'triangle' },
  { name: 'no target', of: null, color: colours.kept, symbol: 'diamond' },
] as const;

/** A dot for each peer on a logarithmic axis; 1 is the peer, bars are the targets. */
export function speedChart(title: string, figures: readonly PeerFigure[]): Block {
  const labels = figures.map(
    ({ case: name, peer, threads }) => `${name}: ${peer}, ${threadsText(threads)}`,
  );
  const faster = figures.filter((figure) => figure.times > 1).length;
  const missed = figures.filter((figure) => met(figure) === false).length;
  const summary = `Faster than the peer in ${faster} of ${figures.length} figures; ${missed} miss their target`;
  const data = {
    head: ['case', 'peer', 'threads', 'times as fast', 'target'],
    rows: figures.map((figure) => [
      ...[figure.case, figure.peer, amount(figure.threads, String)],
      ...[times(figure.times), times(figure.target)],
    ]),
  };
  return chart({ title, summary, data }, (frame) => {
    const known = verdicts.filter(({ of }) => figures.some((figure) => met(figure) === of));
    const hasTargets = figures.some(({ target }) => target !== null);
    const names = [...known.map(({ name }) => name), ...(hasTargets ? ['target'] : [])];
    const { legend: style, top } = legend(names, frame);
    const rows = rowFrame(labels, frame, top);
    const own = axis(frame);
    const all = figures.flatMap((figure) => [figure.times, figure.target ?? figure.times]);
    const dots = known.map(({ name, of, color, symbol }) => ({
      ...{ type: 'scatter', name, symbol, symbolSize: 11, itemStyle: { color } },
      ...{ z: 3, data: figures.flatMap((f, i) => (met(f) === of ? [[f.times, i]] : [])) },
      label: {
        ...{ show: true, position: 'right', color: ink, fontSize: own.axisLabel.fontSize },
        formatter: ({ value }: { value: [number, number] }) => timesText(value[0]),
      },
      ...{ markLine: peerLine() },
    }));
    const targets = {
      ...{ type: 'scatter', name: 'target', symbol: 'rect', symbolSize: [3, 17] },
      ...{ itemStyle: { color: ink, opacity: 0.75 } },
      data: figures.flatMap((f, i) => (f.target === null ? [] : [[f.target, i]])),
    };
    return {
      height: rows.height,
      options: {
        ...rows.options,
        legend: { ...style, icon: undefined, data: names },
        xAxis: { ...own, ...timesAxis(all), axisLabel: { ...own.axisLabel, ...timesLabel } },
        series: [...dots, ...(hasTargets ? [targets] : [])],
      },
    };
  });
}

const timesLabel = { formatter: timesText, showMinLabel: false, showMaxLabel: false };

/** Logarithmic, with room at both ends: by powers of two where ten is far. */
function timesAxis(values: readonly number[]) {
  const [least, most] = [Math.min(0.9, ...values), Math.max(1.6, ...values)];
  const ends = { min: least / 1.2, max: most * 1.2 };
  return { type: 'log', logBase: ends.max / ends.min < 20 ? 2 : 10, ...ends };
}

/** As fast as the peer. */
const peerLine = () => ({
  ...{ silent: true, symbol: 'none', label: { show: false }, data: [{ xAxis: 1 }] },
  lineStyle: { color: ink, type: 'solid', width: 1.5, opacity: 0.7 },
});

/** A bar for each case, to 100 % of what the machine reaches. */
export function limitChart(title: string, figures: readonly LimitFigure[]): Block {
  const labels = figures.map(({ case: name, threads }) => `${name}, ${threadsText(threads)}`);
  const shares = figures.map(({ share }) => share);
  const summary = `From ${percent(Math.min(...shares), 0)} to ${percent(Math.max(...shares), 0)} of what the machine reaches`;
  const data = {
    head: ['case', 'threads', 'limit', 'share'],
    rows: figures.map(({ case: name, threads, limit, share }) => [
      ...[name, amount(threads, String), limit],
      amount(share, (value) => percent(value, 0)),
    ]),
  };
  const limits = (['copy bandwidth', 'GEMM rate'] as const).filter((one) =>
    figures.some(({ limit }) => limit === one),
  );
  return chart({ title, summary, data }, (frame) => {
    const names = limits.map((limit) => `of the ${limit}`);
    const { legend: style, top } = legend(names, frame);
    const rows = rowFrame(labels, frame, top);
    const own = axis(frame);
    const bars = limits.map((limit, l) => ({
      ...{ type: 'bar', name: names[l], stack: 'share', barMaxWidth: 13 },
      itemStyle: { color: limit === 'GEMM rate' ? colours.removed : colours.kept },
      data: figures.map((figure) => (figure.limit === limit ? figure.share : null)),
      label: {
        ...{ show: true, position: 'right', color: ink, fontSize: own.axisLabel.fontSize },
        formatter: ({ value }: { value: number | null }) =>
          value === null ? '' : percent(value, 0),
      },
      markLine: peerLine(),
    }));
    return {
      height: rows.height,
      options: {
        ...rows.options,
        legend: style,
        xAxis: {
          ...{ type: 'value', min: 0, max: Math.max(1.1, 1.1 * Math.max(...shares)), ...own },
          axisLabel: { ...own.axisLabel, formatter: (v: number) => percent(v, 0) },
        },
        series: bars,
      },
    };
  });
}

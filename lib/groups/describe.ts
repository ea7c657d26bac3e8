// A partition as a table a person can read: one line per kind of group, equal layers together.
import type { NodeGroup, Partition, Slice } from './group.js';

const whole = new Intl.NumberFormat('en-US');

/** Groups that differ in their layer only. */
interface Row {
  readonly group: NodeGroup;
  readonly layers: number[];
}

const withoutLayer = (text: string, layer: number | null): string =>
  layer === null ? text : text.replace(new RegExp(`(^|\\.)${layer}(?=\\.)`), '$1*');

function rowKey({ id, kind, layer, units, cost, prunable, reason, slices }: NodeGroup): string {
  const parts = slices.map((slice) => ({ ...slice, param: withoutLayer(slice.param, layer) }));
  return JSON.stringify([withoutLayer(id, layer), kind, units, cost, prunable, reason, parts]);
}

/** `0–3, 5` for 0, 1, 2, 3, 5. */
export function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length;) {
    let end = i;
    while (numbers[end + 1] === (numbers[end] as number) + 1) end++;
    parts.push(end === i ? `${numbers[i]}` : `${numbers[i]}–${numbers[end]}`);
    i = end + 1;
  }
  return parts.join(', ');
}

function describeSlice({ param, dim, extent, offset, outer, inner, lora, carrier }: Slice): string {
  const side = dim === 0 ? 'rows' : dim === 1 ? 'columns' : `dim ${dim}`;
  const name = param.replace(/\.weight$/, '');
  const notes = [lora === null ? '' : `LoRA ${lora}`, carrier ? 'carrier' : ''].filter(Boolean);
  const suffix = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  const from = offset === 0 ? '' : ` from ${whole.format(offset)}`;
  return `${name}: ${whole.format(outer * inner)} of ${whole.format(extent)} ${side}${from}${suffix}`;
}

/**
 * Kind, layers, units, cost and slices of one unit of every group; unprunable ones with their reason.
 * Layers with the same structures share a line.
 */
export function describePartition({ groups, parameters }: Partition): string {
  const rows = new Map<string, Row>();
  for (const group of groups) {
    const key = rowKey(group);
    const row = rows.get(key);
    if (!row) rows.set(key, { group, layers: group.layer === null ? [] : [group.layer] });
    else if (group.layer !== null) row.layers.push(group.layer);
  }
  const all = [...rows.values()];
  const cut = all.filter(({ group }) => group.prunable);
  const kept = all.filter(({ group }) => !group.prunable);
  const lines = [`${whole.format(parameters)} parameters`];
  if (cut.length > 0) {
    const header = ['removable', 'layers', 'units', 'parameters each', 'of the model'];
    const cells = cut.map(({ group, layers }) => [
      withoutLayer(group.id, group.layer),
      ranges(layers),
      whole.format(group.units),
      whole.format(group.cost),
      `${((100 * group.units * group.cost * Math.max(1, layers.length)) / parameters).toFixed(1)} %`,
    ]);
    lines.push('', ...table([header, ...cells]), '', 'One unit of each:');
    for (const { group } of cut) {
      const first = group.slices.filter(({ only = 0 }) => only === 0);
      lines.push(`  ${group.id}`, ...first.map((slice) => `    ${describeSlice(slice)}`));
    }
  }
  if (kept.length > 0) {
    const cells = kept.map(({ group, layers }) => [
      withoutLayer(group.id, group.layer),
      ranges(layers),
      whole.format(group.units),
      group.reason ?? '',
    ]);
    lines.push('', ...table([['not removed', 'layers', 'units', 'because'], ...cells]));
  }
  return lines.join('\n');
}

/** Columns padded to their widest cell; numbers stand right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  const right = (c: number): boolean =>
    rows.slice(1).every((row) => /^[\d,. %]+$/.test(row[c] ?? ''));
  return rows.map((row) =>
    row
      .map((cell, c) => (right(c) ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

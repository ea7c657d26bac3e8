// Tables that fit a terminal: numbers stand right, the last column wraps, and rows stack where columns have no room.

/** Least room for the last column before rows are stacked instead. */
const leastLast = 24;

/**
 * @param rows the header first, all of one length
 * @param width columns of the terminal
 */
export function table(rows: readonly (readonly string[])[], width: number): string[] {
  const [header = []] = rows;
  const last = header.length - 1;
  const widths = header.map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  const before = widths.slice(0, last).reduce((sum, w) => sum + w + 2, 0);
  const room = width - before;
  if (room < Math.min(leastLast, widths[last] ?? 0)) return stacked(rows, width);
  const right = header.map((_, c) => rows.slice(1).every((row) => /^[−\d]|^$/.test(row[c] ?? '')));
  return rows.flatMap((row) => {
    const cells = row
      .slice(0, last)
      .map((cell, c) => (right[c] ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0)));
    const text = row[last] ?? '';
    const end = right[last] ? text.padStart(widths[last] ?? 0) : text;
    const [first = '', ...more] = wrap(end, room);
    return [
      [...cells, first].join('  ').trimEnd(),
      ...more.map((part) => ' '.repeat(before) + part),
    ];
  });
}

/** `header: cell` a line each, rows apart by their first cell. */
function stacked(rows: readonly (readonly string[])[], width: number): string[] {
  const [header = [], ...body] = rows;
  return body.flatMap(([name = '', ...cells]) => [
    ...wrap(name, width),
    ...cells.flatMap((cell, c) =>
      cell === ''
        ? []
        : wrap(`${header[c + 1] ?? ''}: ${cell}`, width - 2).map((line) => `  ${line}`),
    ),
  ]);
}

/** Lines of at most `width`, broken at spaces; a longer word has its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

// Which tensors k-quants store in their blocks of 256, and which fall back to larger types (llama.cpp #6614, #1921, #2708).
import { type Candidate, type Matrix, type Verdict, judged } from './engine.js';

/** Numbers in a block of the k-quants, and of the basic types. */
const superBlock = 256;
const block = 32;

const source = 'llama.cpp #6614, #1921, #2708';

/** Matrices of equal row length, layers together. */
interface Rows {
  readonly row: number;
  readonly names: Set<string>;
  numbers: number;
}

export function ggufQuants({ matrices }: Candidate): Verdict {
  const numbers = matrices.reduce((n, matrix) => n + matrix.row * matrix.rows, 0);
  const fallen = rowsOf(matrices.filter(({ row }) => row % superBlock !== 0));
  const odd = fallen.filter(({ row }) => row % block !== 0);
  const even = fallen.filter(({ row }) => row % block === 0);
  const share = (of: readonly Rows[]): string =>
    `${((100 * of.reduce((n, rows) => n + rows.numbers, 0)) / numbers).toFixed(1)} % of the weights`;
  return judged('gguf-k-quants', [
    {
      rule: `rows are a multiple of ${superBlock}, else a tensor falls back to a type of ${block}`,
      ok: even.length === 0,
      detail: even.length === 0 ? 'no tensor falls back' : `${inWords(even)}: ${share(even)}`,
      source,
    },
    {
      rule: `rows are a multiple of ${block}, else a tensor is not quantised`,
      ok: odd.length === 0,
      detail: odd.length === 0 ? 'all are' : `${inWords(odd)}: ${share(odd)}`,
      source,
    },
  ]);
}

function rowsOf(matrices: readonly Matrix[]): Rows[] {
  const found = new Map<number, Rows>();
  for (const { name, row, rows } of matrices) {
    const known = found.get(row) ?? { row, names: new Set<string>(), numbers: 0 };
    found.set(row, known);
    known.names.add(shortName(name));
    known.numbers += row * rows;
  }
  return [...found.values()];
}

/** `mlp.down_proj` for all layers' `model.layers.3.mlp.down_proj.weight`. */
function shortName(name: string): string {
  const path = name.replace(/\.weight$/, '').split('.');
  const layer = path.findIndex((part) => /^\d+$/.test(part));
  const inner = layer < 0 ? path.slice(-1) : path.slice(layer + 1);
  return inner.filter((part) => !/^\d+$/.test(part)).join('.');
}

const inWords = (rows: readonly Rows[]): string =>
  rows.map(({ row, names }) => `rows of ${row} (${[...names].join(', ')})`).join('; ');

// Numbers as a reader wants them.

/** `1,234,567`. */
export const whole = (n: number): string => n.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** Four digits that matter: `8.431`, `760.2`, `0.01234`, `1.2e-7`. */
export function digits(n: number, count = 4): string {
  if (!Number.isFinite(n)) return '–';
  if (n === 0) return '0';
  const size = Math.abs(n);
  if (size < 1e-4 || size >= 1e7) return n.toExponential(Math.max(1, count - 3));
  return n.toLocaleString('en-US', {
    minimumSignificantDigits: size < 1 ? 1 : Math.min(count, 3),
    maximumSignificantDigits: count,
  });
}

/** `19.8 %`, kept on one line. */
export const percent = (share: number, places = 1): string =>
  `${(100 * share).toFixed(places).replace('-', '−')}\u00a0%`;

/** `+3.2 %`, `−0.4 %`: change from a to b. */
export function change(a: number, b: number): string {
  const share = b / a - 1;
  const sign = share < 0 ? '−' : '+';
  return `${sign}${percent(Math.abs(share))}`;
}

/** `1.04 MB`, `26.9 GB`; powers of ten. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = n < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
  return `${digits(n / 1000 ** power, 3)} ${units[power] as string}`;
}

/** `42 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
}

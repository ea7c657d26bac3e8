// The complexity budget: lines of lib/ and native/, and no file over the limit; exits with 1 when one is exceeded.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const fileLimit = 300;
const budgets = [
  { folder: 'lib', pattern: /\.ts$/, lines: 40_250 },
  { folder: 'native', pattern: /\.(cc|h|cu|cuh)$/, lines: 11_550 },
];

let exceeded = false;
for (const { folder, pattern, lines: budget } of budgets) {
  const files = filesBelow(folder, pattern).sort((a, b) => b.lines - a.lines);
  const total = files.reduce((sum, { lines }) => sum + lines, 0);
  const median = files[Math.floor(files.length / 2)]?.lines ?? 0;
  console.log(
    `${folder.padEnd(7)} ${total} of ${budget} lines in ${files.length} files, median ${median}`,
  );
  if (total > budget) {
    exceeded = true;
    console.log(`  over the budget by ${total - budget} lines`);
  }
  for (const { name, lines } of files.filter((file) => file.lines > fileLimit)) {
    exceeded = true;
    console.log(`  ${name} has ${lines} lines, the limit is ${fileLimit}`);
  }
}
if (exceeded) process.exitCode = 1;

function filesBelow(folder: string, pattern: RegExp): { name: string; lines: number }[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({
      name: relative(root, path),
      lines: readFileSync(path, 'utf8').trimEnd().split('\n').length,
    }));
}

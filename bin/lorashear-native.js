#!/usr/bin/env node
// The command line: starts the compiled CLI, or says how to compile it.
import { existsSync } from 'node:fs';

const main = new URL('../dist/lib/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main);
} else {
  process.stderr.write(
    'lorashear-native: this clone is not compiled yet\n  hint: run `npm run build` in it, once\n',
  );
  process.exitCode = 10;
}

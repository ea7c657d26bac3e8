// Runs the program as a shell does, for tests of the command line.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../../bin/lorashear-native.js', import.meta.url));

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the program; a shell keeps the loaders of tap out of it. */
export function cli(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const { PATH, HOME } = process.env;
  const command = ['-c', 'unset NODE_OPTIONS; exec "$0" "$@"', process.execPath, bin, ...args];
  return new Promise((resolve) => {
    const options = { env: { PATH, HOME, NO_COLOR: '1', ...env } };
    execFile('/bin/sh', command, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

// `lorashear-native doctor`: what was found, what is wrong, and the command that mends it.
import { Command } from 'commander';
import pc from 'picocolors';
import { diagnose, type Finding } from '../setup/diagnose.js';

const examples = `
It ends with 1 when something keeps the toolkit from working.

Examples:
  lorashear-native doctor
  lorashear-native doctor --json | jq .findings`;

/** The `doctor` subcommand; exits with 1 when something keeps the toolkit from working. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what is installed, why it was chosen, and how to mend what is wrong')
    .option('--json', 'print one JSON object')
    .addHelpText('after', examples)
    .action(async ({ json = false }: { json?: boolean }) => {
      const findings = await diagnose();
      const healthy = findings.every(({ state }) => state !== 'problem');
      process.stdout.write(
        json ? `${JSON.stringify({ healthy, findings }, null, 2)}\n` : describe(findings, healthy),
      );
      if (!healthy) process.exitCode = 1;
    });
}

const marks = { ok: pc.green('✓'), note: pc.yellow('!'), problem: pc.red('✗') } as const;

/** One line per finding, its remedy below it, and the verdict at the end. */
export function describe(findings: readonly Finding[], healthy: boolean): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, value, hint }) => [
    `${marks[state]} ${name.padEnd(width)}  ${value}`,
    ...(hint ? [`  ${' '.repeat(width)}  → ${hint}`] : []),
  ]);
  const verdict = healthy ? 'healthy' : 'not ready: do what the arrows say';
  return `${lines.join('\n')}\n\n${verdict}\n`;
}

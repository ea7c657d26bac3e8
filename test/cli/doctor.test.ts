import t from 'tap';
import { describe, doctorCommand } from '../../lib/cli/doctor.js';

t.test(
  'when something is wrong, then its remedy stands below it and the verdict at the end',
  (t) => {
    const text = describe(
      [
        { name: 'Node', state: 'ok', value: 'v20' },
        { name: 'libtorch', state: 'problem', value: 'none', hint: 'run setup' },
      ],
      false,
    );
    const lines = text.trimEnd().split('\n');
    t.match(lines[0], /Node {6}v20/);
    t.match(lines[1], /libtorch {2}none/);
    t.match(lines[2], /→ run setup/);
    t.match(lines.at(-1), /not ready/);
    t.end();
  },
);

t.test(
  'when the machine is asked as JSON, then verdict, findings and exit code agree',
  async (t) => {
    const written = t.capture(process.stdout, 'write', () => true);
    const before = process.exitCode;
    await doctorCommand().parseAsync(['--json'], { from: 'user' });
    const code = process.exitCode ?? 0;
    process.exitCode = before;
    const text = written()
      .map(({ args }) => String(args[0]))
      .join('');
    written.restore();
    const { healthy, findings } = JSON.parse(text) as {
      healthy: boolean;
      findings: { name: string; state: string }[];
    };
    t.equal(
      healthy,
      findings.every(({ state }) => state !== 'problem'),
    );
    t.equal(code, healthy ? 0 : 1);
    t.ok(findings.some(({ name }) => name === 'libtorch'));
  },
);

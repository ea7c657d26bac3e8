// Makes one spelling of the many that users of this field type: underscores, other tools' names, dotted flags.
import { aliasOf } from '../config/normalise.js';

/** Flags of other tools and the flags that they are here; keys of a job without a flag become `key=value`. */
const flags: Readonly<Record<string, string>> = {
  model: '--model',
  output: '--output',
  ratio: '--ratio',
  sequence_length: '--sequence-length',
  steps: '--steps',
  'instruct.path': '--instruct',
};

/**
 * `--model_name_or_path X` → `--model X`, `--batch_size=8` → `--batch-size=8`, `--lhspg.periods 3` and
 * `--lora_r 3` → `lhspg.periods=3`, `lora.r=3`. What follows `--` stays as it is.
 */
export function normaliseArguments(argv: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as string;
    if (argument === '--') return [...result, ...argv.slice(i)];
    const [, name = '', value] = /^--([A-Za-z][\w.-]*)(=[^]*)?$/.exec(argument) ?? [];
    if (name === '') {
      result.push(argument);
      continue;
    }
    const key = name.replaceAll('-', '_');
    const meant = aliasOf(key) ?? (name.includes('.') ? key : undefined);
    if (meant === undefined) {
      result.push(`--${name.replaceAll('_', '-')}${value ?? ''}`);
    } else if (flags[meant] !== undefined) {
      result.push(`${flags[meant]}${value ?? ''}`);
    } else {
      result.push(`${meant}${value ?? `=${argv[++i] ?? ''}`}`);
    }
  }
  return result;
}

/** The command as a person would type it again. */
export function commandLine(argv: readonly string[]): string {
  return ['lorashear-native', ...argv].map(quote).join(' ');
}

const quote = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

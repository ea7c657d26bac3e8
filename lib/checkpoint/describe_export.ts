// What an export came to, in lines for a terminal.
import type { Exported } from './model_folder.js';
import { wasteText } from './model_card.js';

/** Form and size, what is zeros, and what each engine says. */
export function describeExport(exported: Exported): string[] {
  const { dir, form, modelType, reason, parameters, bytes, waste, engines } = exported;
  const count = (n: number): string => n.toLocaleString('en-US');
  return [
    `${form}: ${count(parameters)} parameters, ${count(bytes)} bytes, as ${modelType}, in ${dir}`,
    ...(reason === undefined ? [] : [reason]),
    ...(waste ? [wasteText(parameters, waste)] : []),
    ...engines.map(({ engine, loads, rules }) => {
      const broken = rules.find(({ ok }) => !ok);
      return `${engine}: ${loads || !broken ? 'takes it' : `no: ${broken.rule} (${broken.detail})`}`;
    }),
  ];
}

// Names, kinds and defaults of an operator's arguments, read from ATen's schema line.
import { LoraShearError } from '../errors.js';

export interface SchemaArgument {
  readonly name: string;
  /** Tensor, Tensor? or Tensor[]. */
  readonly tensor: boolean;
  /** Written to by the operator: `Tensor(a!)`. */
  readonly mutated: boolean;
  /** Value where the caller gives none, as JSON. */
  readonly fallback: unknown;
}

const parsed = new Map<string, readonly SchemaArgument[]>();

/** The arguments of a schema in order; parsed once per schema. */
export function schemaArguments(schema: string): readonly SchemaArgument[] {
  let found = parsed.get(schema);
  if (!found) parsed.set(schema, (found = parse(schema)));
  return found;
}

function parse(schema: string): SchemaArgument[] {
  const open = schema.indexOf('(');
  const close = schema.lastIndexOf(') ->');
  if (open < 0 || close < open) {
    throw new LoraShearError('GRAPH_INVALID', `not an operator schema: ${schema}`);
  }
  return separate(schema.slice(open + 1, close))
    .filter((part) => part !== '' && part !== '*')
    .map((part) => {
      const match = /^(?<type>.+?) (?<name>\w+)(?:=(?<fallback>.*))?$/.exec(part);
      const { type = '', name = '', fallback } = match?.groups ?? {};
      return {
        name,
        tensor: type.startsWith('Tensor'),
        mutated: /^Tensor\([a-z0-9]*!/.test(type),
        fallback: fallback === undefined ? null : literal(fallback),
      };
    });
}

/** Splits at commas outside brackets. */
function separate(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === '(' || c === '[') depth++;
    else if (c === ')' || c === ']') depth--;
    else if (c === undefined || (c === ',' && depth === 0)) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return parts;
}

function literal(text: string): unknown {
  if (text === 'None') return null;
  if (text === 'True' || text === 'False') return text === 'True';
  if (text.startsWith('[')) {
    return separate(text.slice(1, -1))
      .filter((item) => item !== '')
      .map(literal);
  }
  const number = Number(text);
  return Number.isNaN(number) ? text.replace(/^['"]|['"]$/g, '') : number;
}

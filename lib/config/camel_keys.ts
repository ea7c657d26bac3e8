// Job files say `token_share`, programs `tokenShare`: one conversion, known to the compiler.

type CamelKey<K> = K extends `${infer A}_${infer B}` ? `${A}${Capitalize<CamelKey<B>>}` : K;

/** T with camelCase keys at every depth. */
export type Camel<T> = T extends readonly (infer U)[]
  ? readonly Camel<U>[]
  : T extends object
    ? { [K in keyof T as CamelKey<K>]: Camel<T[K]> }
    : T;

/** A deep copy of plain data with camelCase keys. */
export function camelKeys<T>(value: T): Camel<T> {
  return convert(value) as Camel<T>;
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [camel(key), convert(v)]));
}

const camel = (key: string) =>
  key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

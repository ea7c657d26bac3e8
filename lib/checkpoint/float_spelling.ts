// JSON.stringify writes 10000.0 as 10000, and loaders with strict types (transformers 5) refuse an integer for a float.

/**
 * `json` with a whole number written as a float wherever `original` has a float under the same key, at any depth.
 * @param json as JSON.stringify writes it
 */
export function withFloatSpelling(json: string, original: string): string {
  const floats = new Set<string>();
  for (const [, key = ''] of original.matchAll(/"([^"\\]+)"\s*:\s*-?\d+\.\d*(?:[eE][-+]?\d+)?/g)) {
    floats.add(key);
  }
  return json.replace(
    /"([^"\\]+)":(\s*)(-?\d+)(?=\s*[,}\n])/g,
    (all, key: string, space, digits) =>
      floats.has(key) ? `"${key}":${String(space)}${String(digits)}.0` : all,
  );
}

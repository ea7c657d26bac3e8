// The safetensors format: header rules enforced, tensors over the mapped file without a copy.
import { LoraShearError } from '../errors.js';
import type { MappingId } from '../native/binding.js';
import { native } from '../native/load.js';
import { fromNative } from '../native/native_error.js';
import { type DType, dtypeBytes, dtypeCode, dtypeOfSafetensors } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';

/** One tensor as the header describes it; offsets count from the start of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** The format's own limit on the header. */
const maxHeaderBytes = 100_000_000;

const invalid = (path: string, what: string): LoraShearError =>
  new LoraShearError('SAFETENSORS_INVALID', `${path}: ${what}`, {
    hint: 'the file is damaged or not safetensors: copy or download it again',
    facts: { path },
  });

/** Reads `entries` of a header text; `dataStart` is where the data begins, `size` the file's length. */
export function parseHeader(
  path: string,
  text: string,
  dataStart: number,
  size: number,
): TensorEntry[] {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw invalid(path, 'the header is not JSON');
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header)) {
    throw invalid(path, 'the header is not a JSON object');
  }
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(path, name, value as unknown, dataStart))
    .sort((a, b) => a.start - b.start || a.end - b.end);
  let position = dataStart;
  for (const { name, start, end } of entries) {
    if (start < position) throw invalid(path, `'${name}' overlaps the tensor before it`);
    if (start > position)
      throw invalid(path, `${start - position} bytes before '${name}' belong to no tensor`);
    if (end > size)
      throw invalid(path, `'${name}' ends at byte ${end}, the file has ${size}: it is truncated`);
    position = end;
  }
  if (position !== size)
    throw invalid(path, `${size - position} bytes at the end belong to no tensor`);
  return entries;
}

function parseEntry(path: string, name: string, value: unknown, dataStart: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((x) => Number.isSafeInteger(x) && (x as number) >= 0);
  if (typeof dtype !== 'string' || !whole(shape) || !whole(offsets) || offsets.length !== 2) {
    throw invalid(path, `'${name}' needs dtype, shape and two data_offsets`);
  }
  const known = dtypeOfSafetensors(dtype);
  if (known === undefined) {
    throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `${path}: '${name}' has dtype ${dtype}`, {
      hint: 'save the model as float32, bfloat16 or float16',
    });
  }
  const [begin, finish] = offsets as [number, number];
  const bytes = shape.reduce((product, extent) => product * extent, dtypeBytes(known));
  if (finish - begin !== bytes) {
    throw invalid(
      path,
      `'${name}' of shape [${shape.join(', ')}] and ${dtype} takes ${bytes} bytes, its offsets give ${finish - begin}`,
    );
  }
  return { name, dtype: known, shape, start: dataStart + begin, end: dataStart + finish };
}

/** A safetensors file, mapped; tensors made from it stay valid after close(). */
export class SafetensorsFile {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly #mapping: MappingId;

  /** @throws SAFETENSORS_INVALID for anything that the format forbids */
  constructor(readonly path: string) {
    const binding = native();
    let mapped;
    try {
      mapped = binding.mapFile(path);
    } catch (thrown) {
      throw invalid(path, fromNative(thrown, 'mapFile').message);
    }
    this.#mapping = mapped.id;
    try {
      if (mapped.size < 8) throw invalid(path, `${mapped.size} bytes are too few for a header`);
      const length = binding.mapBytes(mapped.id, 0, 8).readBigUInt64LE();
      if (length > BigInt(maxHeaderBytes))
        throw invalid(path, `a header of ${length} bytes is too large`);
      if (8 + Number(length) > mapped.size) throw invalid(path, 'the header ends after the file');
      const bytes = binding.mapBytes(mapped.id, 8, Number(length));
      const text = decodeUtf8(bytes) ?? '';
      refuseDuplicates(path, text);
      const entries = parseHeader(path, text, 8 + Number(length), mapped.size);
      this.entries = new Map(entries.map((entry) => [entry.name, entry]));
    } catch (thrown) {
      binding.unmapFile(mapped.id);
      throw thrown;
    }
  }

  /** The tensor called `name`, reading the page cache (copied only where the file misaligns it). */
  tensor(name: string): Tensor {
    const entry = this.entries.get(name);
    if (!entry) throw invalid(this.path, `there is no tensor '${name}'`);
    const { start, dtype, shape } = entry;
    return new Tensor(native().mapTensor(this.#mapping, start, dtypeCode(dtype), shape));
  }

  close(): void {
    native().unmapFile(this.#mapping);
  }
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** "a" and "\\u0061" are the same name. */
function decodeKey(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

// JSON.parse keeps the last of two equal keys; the format forbids them. Names are keys at depth one.
function refuseDuplicates(path: string, text: string): void {
  const seen = new Set<string>();
  let depth = 0;
  for (const [token, key] of text.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') depth++;
    else if (token === '}') depth--;
    else if (key !== undefined && depth === 1) {
      const name = decodeKey(key);
      if (name === undefined) return; // not JSON at all: parseHeader says so
      if (seen.has(name)) throw invalid(path, `the name '${name}' appears twice`);
      seen.add(name);
    }
  }
}

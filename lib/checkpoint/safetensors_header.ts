// The header of a safetensors file: what it says of each tensor, and every rule of the format that it can break.
import { LoraShearError } from '../errors.js';
import { type DType, dtypeOfSafetensors } from '../tensor/dtype.js';
import { parseStrictJson } from './strict_json.js';

/** Bits per element of every type of the format. */
const formatBits = {
  ...{ BOOL: 8, U8: 8, I8: 8, I16: 16, U16: 16, I32: 32, U32: 32, I64: 64, U64: 64 },
  ...{ F16: 16, BF16: 16, F32: 32, F64: 64, C64: 64 },
  ...{ F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E5M2FNUZ: 8, F8_E4M3FNUZ: 8 },
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
} as const;

export type FormatType = keyof typeof formatBits;

/** One tensor as the header describes it; offsets count from the start of the file. */
export interface TensorEntry {
  readonly name: string;
  /** The type as the file spells it. */
  readonly stored: FormatType;
  /** libtorch's type of the same bytes; undefined where it has none (F6). */
  readonly dtype: DType | undefined;
  /** Extents in elements of the stored type. */
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order in which they lie in the file. */
  readonly entries: readonly TensorEntry[];
}

/** The rules, named as the format's reference implementation names their errors where it has one. */
export type Rule =
  | 'HeaderTooSmall'
  | 'HeaderTooLarge'
  | 'InvalidHeaderLength'
  | 'InvalidHeader'
  | 'InvalidHeaderStart'
  | 'InvalidHeaderDeserialization'
  | 'InvalidOffset'
  | 'TensorInvalidInfo'
  | 'ValidationOverflow'
  | 'MisalignedSlice'
  | 'MetadataIncompleteBuffer'
  | 'TensorNotFound'
  | 'FileChanged'
  | 'FileUnreadable';

/** The error for a file that breaks `rule`; `what` says how. */
export const invalid = (path: string, rule: Rule, what: string, cause?: unknown): LoraShearError =>
  new LoraShearError('SAFETENSORS_INVALID', `${path}: ${what}`, {
    hint: 'the file is damaged or not safetensors: copy or download it again',
    facts: { path, rule },
    cause,
  });

/** The format's own limit on the header. */
export const maxHeaderBytes = 100_000_000;

/**
 * Length of the header that the first eight bytes promise.
 * @param size bytes of the file
 * @throws SAFETENSORS_INVALID
 */
export function headerLength(path: string, first: Buffer, size: number): number {
  if (size < 8 || first.length < 8) {
    throw invalid(path, 'HeaderTooSmall', `${size} bytes are too few for a header`);
  }
  const length = first.readBigUInt64LE();
  if (length > BigInt(maxHeaderBytes)) {
    throw invalid(path, 'HeaderTooLarge', `a header of ${length} bytes is too large`);
  }
  if (8 + Number(length) > size) {
    throw invalid(
      path,
      'InvalidHeaderLength',
      `a header of ${length} bytes ends after the file of ${size}`,
    );
  }
  return Number(length);
}

/**
 * Reads the header's bytes; its data follow them.
 * @param size bytes of the file
 * @throws SAFETENSORS_INVALID with the broken rule among its facts
 */
export function readHeader(path: string, bytes: Uint8Array, size: number): Header {
  const header = parse(path, bytes);
  const dataStart = 8 + bytes.length;
  const { __metadata__: metadata = null, ...tensors } = header;
  const entries = Object.entries(tensors)
    .map(([name, value]) => entryOf(path, name, value, dataStart))
    .sort((a, b) => a.start - b.start || a.end - b.end);
  let position = dataStart;
  for (const { name, start, end } of entries) {
    if (start < position)
      throw invalid(path, 'InvalidOffset', `'${name}' overlaps the tensor before it`);
    if (start > position) {
      const hole = start - position;
      throw invalid(path, 'InvalidOffset', `${hole} bytes before '${name}' belong to no tensor`);
    }
    position = end;
  }
  if (position !== size) {
    const what = position > size ? 'it is truncated' : 'the rest belongs to no tensor';
    const seen = `the tensors end at byte ${position} of a file of ${size}: ${what}`;
    throw invalid(path, 'MetadataIncompleteBuffer', seen);
  }
  return { metadata: metadataOf(path, metadata), entries };
}

function parse(path: string, bytes: Uint8Array): Record<string, unknown> {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw invalid(path, 'InvalidHeader', 'the header is not UTF-8');
  if (!text.startsWith('{')) {
    throw invalid(path, 'InvalidHeaderStart', 'the header does not begin with {');
  }
  try {
    return parseStrictJson(text, (spelling, [name, key]) => {
      if ((key === 'shape' || key === 'data_offsets') && !/^\d+$/.test(spelling))
        throw new Error(`'${name}' has ${spelling} in its ${key}`);
    }) as Record<string, unknown>;
  } catch (thrown) {
    const what = thrown instanceof Error ? thrown.message : String(thrown);
    throw invalid(path, 'InvalidHeaderDeserialization', `the header cannot be read: ${what}`);
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function metadataOf(path: string, value: unknown): ReadonlyMap<string, string> {
  const texts = value === null ? [] : isObject(value) ? Object.entries(value) : undefined;
  if (!texts?.every((pair): pair is [string, string] => typeof pair[1] === 'string')) {
    const what = '__metadata__ must map names to strings';
    throw invalid(path, 'InvalidHeaderDeserialization', what);
  }
  return new Map(texts);
}

function entryOf(path: string, name: string, value: unknown, dataStart: number): TensorEntry {
  const { dtype: stored, shape, data_offsets: offsets } = isObject(value) ? value : {};
  if (typeof stored !== 'string' || !isWhole(shape) || !isWhole(offsets) || offsets.length !== 2) {
    const what = `'${name}' needs dtype, shape and two data_offsets, in whole numbers below 2^53`;
    throw invalid(path, 'InvalidHeaderDeserialization', what);
  }
  if (!isFormatType(stored)) {
    const what = `'${name}' has dtype ${stored}, which the format does not have`;
    throw invalid(path, 'InvalidHeaderDeserialization', what);
  }
  const [begin, finish] = offsets as [number, number];
  const bits = shape.reduce((product, extent) => product * extent, 1) * formatBits[stored];
  const described = `'${name}' of shape [${shape.join(', ')}] and ${stored}`;
  if (!fits(shape, formatBits[stored]) || !Number.isSafeInteger(dataStart + finish)) {
    throw invalid(path, 'ValidationOverflow', `${described} takes more bytes than can be counted`);
  }
  if (bits % 8 !== 0) {
    throw invalid(path, 'MisalignedSlice', `${described} does not end at a whole byte`);
  }
  if (finish - begin !== bits / 8) {
    const what = `${described} takes ${bits / 8} bytes, its offsets give ${finish - begin}`;
    throw invalid(path, begin > finish ? 'InvalidOffset' : 'TensorInvalidInfo', what);
  }
  const dtype = dtypeOfSafetensors(stored);
  return { name, stored, dtype, shape, start: dataStart + begin, end: dataStart + finish };
}

/** Whether every partial product, and so every stride, can be counted; zeros do not excuse the rest. */
function fits(shape: readonly number[], bits: number): boolean {
  const product = shape.reduce((all, extent) => all * Math.max(extent, 1), bits);
  return Number.isSafeInteger(product);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const isWhole = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((x) => Number.isSafeInteger(x) && (x as number) >= 0);

const isFormatType = (name: string): name is FormatType => Object.hasOwn(formatBits, name);

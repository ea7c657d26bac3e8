// Element types: libtorch's numbers, safetensors' names, bytes per element.

/** name → [libtorch ScalarType, safetensors name, bytes per element]. An element of float4_e2m1fn_x2 is a pair. */
export const dtypes = {
  uint8: [0, 'U8', 1],
  int8: [1, 'I8', 1],
  int16: [2, 'I16', 2],
  int32: [3, 'I32', 4],
  int64: [4, 'I64', 8],
  float16: [5, 'F16', 2],
  float32: [6, 'F32', 4],
  float64: [7, 'F64', 8],
  complex64: [9, 'C64', 8],
  bool: [11, 'BOOL', 1],
  bfloat16: [15, 'BF16', 2],
  float8_e5m2: [23, 'F8_E5M2', 1],
  float8_e4m3fn: [24, 'F8_E4M3', 1],
  float8_e5m2fnuz: [25, 'F8_E5M2FNUZ', 1],
  float8_e4m3fnuz: [26, 'F8_E4M3FNUZ', 1],
  uint16: [27, 'U16', 2],
  uint32: [28, 'U32', 4],
  uint64: [29, 'U64', 8],
  float8_e8m0fnu: [44, 'F8_E8M0', 1],
  float4_e2m1fn_x2: [45, 'F4', 1],
} as const;

export type DType = keyof typeof dtypes;

export const dtypeCode = (name: DType): number => dtypes[name][0];
export const dtypeBytes = (name: DType): number => dtypes[name][2];
export const safetensorsName = (name: DType): string => dtypes[name][1];

const byCode = new Map<number, DType>(
  Object.entries(dtypes).map(([name, [code]]) => [code, name as DType]),
);
const bySafetensors = new Map<string, DType>(
  Object.entries(dtypes).map(([name, [, stored]]) => [stored, name as DType]),
);

/** The name of a libtorch ScalarType number, or undefined for one that we do not use. */
export const dtypeOfCode = (code: number): DType | undefined => byCode.get(code);
/** The element type of a safetensors dtype string, or undefined for one that we do not use. */
export const dtypeOfSafetensors = (stored: string): DType | undefined => bySafetensors.get(stored);

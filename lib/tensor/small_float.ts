// Floats of sixteen and eight bits as JavaScript numbers, exactly.

/** Sign, exponent, `fractionBits` of fraction; subnormals below exponent 1, nothing special at the top. */
function finite(bits: number, fractionBits: number, bias: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits & 0x7f) >> fractionBits;
  const fraction = (bits & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  const size =
    exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return sign * size;
}

/**
 * One byte to its value, by type. `fn`: no infinities, one NaN for each sign; `uz`: neither infinities nor −0, whose
 * byte is NaN; e8m0 is a power of two without a sign. float8_e5m2 is the upper byte of a float16 and not listed.
 */
export const widenFloat8 = {
  float8_e4m3fn: (bits: number) => ((bits & 0x7f) === 0x7f ? NaN : finite(bits, 3, 7)),
  float8_e5m2fnuz: (bits: number) => (bits === 0x80 ? NaN : finite(bits, 2, 16)),
  float8_e4m3fnuz: (bits: number) => (bits === 0x80 ? NaN : finite(bits, 3, 8)),
  float8_e8m0fnu: (bits: number) => (bits === 0xff ? NaN : 2 ** (bits - 127)),
} as const;

/** bfloat16 is the upper half of a float32; NaNs keep their bits. */
export function widenBfloat16(stored: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(stored.length);
  for (let i = 0; i < bits.length; i++) bits[i] = stored[i]! << 16;
  return new Float32Array(bits.buffer);
}

export function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

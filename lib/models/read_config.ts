// Reading config.json by a family's schema: every problem in one error, and a refusal of what is not computed.
import { z } from 'zod';
import { LoraShearError } from '../errors.js';
import type { RawConfig } from './model.js';

/** Fields that nearly every schema has. */
export const positive = z.number().int().positive();
export const fraction = z.number().positive();
export const flag = z.boolean();
/** A number of tokens, or none. */
export const window = positive.nullish();

/** @throws CHECKPOINT_INVALID with every missing or impossible field */
export function readConfigBy<S extends z.ZodType>(
  family: string,
  schema: S,
  raw: RawConfig,
): z.infer<S> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ');
  throw new LoraShearError('CHECKPOINT_INVALID', `config.json is not a ${family}'s: ${problems}`, {
    hint: 'check config.json against the checkpoint it came with',
  });
}

/** @throws CHECKPOINT_UNSUPPORTED where `condition` holds */
export function refuse(condition: boolean, family: string, what: string, hint?: string): void {
  if (!condition) return;
  throw new LoraShearError('CHECKPOINT_UNSUPPORTED', `this ${family} uses ${what}`, {
    hint: hint ?? `this version does not compute that; every other ${family} works`,
  });
}

/** @throws CHECKPOINT_INVALID where heads, kv heads and the width of a head do not fit together */
export function checkHeads(heads: number, kvHeads: number, headDim: number): void {
  if (heads % kvHeads === 0 && Number.isInteger(headDim) && headDim % 2 === 0) return;
  throw new LoraShearError(
    'CHECKPOINT_INVALID',
    `config.json: ${heads} query heads, ${kvHeads} kv heads and head_dim ${headDim} do not fit together`,
    { hint: 'query heads must be a multiple of kv heads, and head_dim an even whole number' },
  );
}

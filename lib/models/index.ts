// The registry of architectures: one line each.
import { LoraShearError } from '../errors.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import type { Architecture, RawConfig } from './model.js';

export const architectures = { llama, mistral } as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

/** @throws CHECKPOINT_UNSUPPORTED when no architecture knows this config.json */
export function architectureOf(config: RawConfig): Architecture {
  const found = Object.values(architectures).find(({ matches }) => matches(config));
  if (found) return found;
  const known = Object.keys(architectures).join(', ');
  throw new LoraShearError(
    'CHECKPOINT_UNSUPPORTED',
    `config.json says model_type ${JSON.stringify(config['model_type'] ?? null)}`,
    {
      hint: `this version computes: ${known}`,
    },
  );
}

// What a job file may say of the cut and of the model that is exported.
import { z } from 'zod';
import { allocationRules, defaultFloor } from '../budget/allocate.js';
import { forms } from '../checkpoint/form_of.js';
import { cutKinds } from '../groups/group.js';
import { engineNames } from '../plan/engines/names.js';
import { budgetMeasures } from './job.js';

const count = z.number().int().positive();

export const cut = z
  .strictObject({
    kv_heads: z
      .union([z.literal('auto'), z.number().int().min(0)], {
        error: 'must be "auto" or the number of key-value heads to remove from each layer',
      })
      .default('auto')
      .describe('Key-value heads to remove from each layer; their query heads go with them.'),
    kinds: z
      .array(z.enum(cutKinds))
      .min(1)
      .default(['attention_heads', 'mlp_channels', 'expert_channels'])
      .describe('What may be cut.'),
    budget: z.enum(budgetMeasures).default('parameters').describe('What `ratio` is a share of.'),
    allocation: z
      .enum(allocationRules)
      .default('layer')
      .describe(
        '`layer`: every layer loses alike, which stock engines load; `global`: what does least damage for what it saves; `kind`: the same inside each kind.',
      ),
    importance: z
      .enum(['knowledge', 'saliency'])
      .default('knowledge')
      .describe('What says how much a group may lose (allocations `global` and `kind`).'),
    floor: z
      .number()
      .min(0)
      .lt(1)
      .default(defaultFloor)
      .describe('Share of the units of each group that stays at least.'),
    round_channels_to: count
      .default(1)
      .describe(
        'Channels that stay in a layer are a multiple of it: 128 suits GPUs, 256 k-quants.',
      ),
    engines: z
      .array(z.enum(engineNames))
      .default([])
      .describe('Engines that must load the result: transformers, vllm, llama.cpp.'),
  })
  .prefault({})
  .describe('What is cut, and how the budget is shared.');

export const exporting = z
  .strictObject({
    form: z
      .enum(forms)
      .default('uniform')
      .describe(
        '`uniform` and `padded` load in stock engines, `per-layer` is smallest where layers differ.',
      ),
    max_shard_bytes: count
      .default(5_000_000_000)
      .describe('Largest number of bytes of weights in one file.'),
  })
  .prefault({})
  .describe('The model that the run leaves.');

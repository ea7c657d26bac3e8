// The saliencies by name (key = CLI choice = report entry): what each says and what it must be given. No tensors here.

/** What a score is computed from, besides the model itself. */
export type Need =
  | 'weights' // nothing more
  | 'inputs' // inputs of the linears on calibration text, each feature alone
  | 'products' // the same with the products of every two features
  | 'lora' // trained LoRA factors, whose s·BA stands for −∇
  | 'gradients'; // gradients of the loss on calibration text

export interface SaliencyFacts {
  readonly needs: Need;
  /** One line, for help texts and reports. */
  readonly description: string;
}

/** docs/saliency.md has their formulas and sources. */
export const saliencyFacts = {
  magnitude: { needs: 'weights', description: 'length of the weights' },
  avg_magnitude: { needs: 'weights', description: 'length of the weights by their number' },
  cosine: { needs: 'lora', description: '1 + cosine of the weights and their LoRA step' },
  taylor_first: { needs: 'lora', description: 'product of the weights and their LoRA step' },
  taylor_second: { needs: 'lora', description: 'half the square of that product' },
  dense_cosine: { needs: 'gradients', description: '1 − cosine of the weights and the gradient' },
  dense_taylor_first: {
    needs: 'gradients',
    description: 'product of the weights and the gradient',
  },
  dense_taylor_second: {
    needs: 'gradients',
    description: 'half the mean square of that product over batches (Fisher)',
  },
  wanda: { needs: 'inputs', description: 'weights times the length of their inputs' },
  fluctuation: {
    needs: 'inputs',
    description: 'variance of the inputs times squared weights (FLAP)',
  },
  reconstruction: {
    needs: 'products',
    description: 'error that is left when the other units make up for it',
  },
  random: { needs: 'weights', description: 'seeded random numbers' },
} as const satisfies Record<string, SaliencyFacts>;

export type SaliencyName = keyof typeof saliencyFacts;

export const saliencyNames = Object.keys(saliencyFacts) as [SaliencyName, ...SaliencyName[]];

/** Other names of the same. */
export const saliencyAliases: Readonly<Record<string, SaliencyName>> = { flap: 'fluctuation' };

// Perplexity of a model on texts by named protocols.
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { hubCacheFolder } from '../data/hub_cache.js';
import { scoreSequences } from './log_likelihood.js';
import { type PerplexitySpec, specName } from './perplexity_spec.js';
import { type ProtocolName, protocols } from './protocols/index.js';
import type { CutText, EvaluationText } from './protocols/protocol.js';
import { readEvaluationText } from './texts.js';

/** A protocol on a text, as measured. */
export interface TextPerplexity {
  /** `gptq:wikitext2`; with the window where it is not the protocol's own. */
  name: string;
  protocol: ProtocolName;
  text: string;
  /** File that the text was read from; null for the hub cache's. */
  path: string | null;
  /** Tokens of a window. */
  window: number;
  windows: number;
  documents: number;
  /** Tokens that were scored. */
  tokens: number;
  words: number;
  bytes: number;
  /** Mean negative log-likelihood in nats per scored token. */
  nll: number;
  /** The protocol's own numbers by name. */
  metrics: Record<string, number>;
  /** The metric that stands for all. */
  headline: string;
}

/** A text that was read, for one protocol. */
export interface PerplexityText {
  readonly spec: PerplexitySpec;
  readonly text: EvaluationText;
}

/** The same, cut for models of one tokenizer and context. */
export interface PreparedText extends PerplexityText {
  readonly window: number;
  readonly cut: CutText;
}

/** Reads each text once. @throws as {@link readEvaluationText} */
export async function readPerplexityTexts(
  specs: readonly PerplexitySpec[],
  dataDir = hubCacheFolder(),
): Promise<PerplexityText[]> {
  const read = new Map<string, EvaluationText>();
  const found: PerplexityText[] = [];
  for (const spec of specs) {
    const key = JSON.stringify([spec.text, spec.path]);
    const text = read.get(key) ?? (await readEvaluationText(spec, dataDir));
    read.set(key, text);
    found.push({ spec, text });
  }
  return found;
}

/**
 * Cuts the texts as their protocols say.
 * @param context of the model, in tokens
 * @throws LoraShearError `CONFIG_INVALID` for a window that the context or the protocol has no room for, `DATA_EMPTY` for a text without a window
 */
export function prepareTexts(
  texts: readonly PerplexityText[],
  tokenizer: Tokenizer,
  context: number,
): PreparedText[] {
  return texts.map(({ spec, text }) => {
    const protocol = protocols[spec.protocol];
    const window = spec.window ?? protocol.window(context);
    const facts = { perplexity: specName(spec), window, context };
    if (window > context || window < protocol.leastWindow) {
      throw new LoraShearError(
        'CONFIG_INVALID',
        `${specName(spec)}: a window of ${window} tokens was asked for`,
        {
          hint: `a window has at least ${protocol.leastWindow} tokens, and at most the model's context, ${context}`,
          facts,
        },
      );
    }
    const cut = protocol.cut(text, window, tokenizer);
    if (cut.sequences.length > 0) return { spec, text, window, cut };
    throw new LoraShearError(
      'DATA_EMPTY',
      `${specName(spec)}: the text has ${cut.tokens} tokens, less than a window of ${window}`,
      {
        hint: `give a longer text, or a shorter window: ${specName({ ...spec, window: Math.max(protocol.leastWindow, cut.tokens) })}`,
        facts: { ...facts, tokens: cut.tokens },
      },
    );
  });
}

export interface TextPerplexityOptions {
  /** Tokens in one forward pass. */
  maxTokens?: number | undefined;
  /** Windows so far, of all of this text. */
  progress?: ((done: number, total: number, name: string) => void) | undefined;
}

/** A text's perplexity with what its windows add up to, for a comparison with another model's. */
export interface ScoredText {
  readonly perplexity: TextPerplexity;
  readonly windows: readonly WindowScore[];
}

export interface WindowScore {
  /** Negative log-likelihood of the scored tokens together, in nats. */
  readonly nats: number;
  readonly tokens: number;
}

/** Scores every window of each text. */
export function textPerplexity(
  model: Model,
  prepared: readonly PreparedText[],
  ctx: Context,
  options: TextPerplexityOptions = {},
): TextPerplexity[] {
  return scoreTexts(model, prepared, ctx, options).map(({ perplexity }) => perplexity);
}

/** The same with the windows one by one, in the text's order. */
export function scoreTexts(
  model: Model,
  prepared: readonly PreparedText[],
  ctx: Context,
  { maxTokens, progress }: TextPerplexityOptions = {},
): ScoredText[] {
  return prepared.map(({ spec, text, window, cut }) => {
    const windows = scoreSequences(model, cut.sequences, ctx, {
      ...(maxTokens === undefined ? {} : { maxTokens }),
      progress: (done, total) => progress?.(done, total, specName(spec)),
    }).map(({ logProbabilities }): WindowScore => ({
      nats: -logProbabilities.reduce((sum, value) => sum + value, 0),
      tokens: logProbabilities.length,
    }));
    const nats = windows.reduce((sum, each) => sum + each.nats, 0);
    const tokens = windows.reduce((sum, each) => sum + each.tokens, 0);
    const { metrics, headline } = protocols[spec.protocol];
    const perplexity = {
      ...{ name: specName(spec), protocol: spec.protocol, text: text.name, path: text.path },
      ...{ window, windows: cut.sequences.length, documents: cut.documents, tokens },
      ...{ words: cut.words, bytes: cut.bytes, nll: nats / tokens },
      ...{ metrics: { ...metrics(-nats, tokens, cut) }, headline },
    };
    return { perplexity, windows };
  });
}

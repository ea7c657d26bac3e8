// Perplexities in the blocks of lm-eval's result file, beside the tasks.
import { specName } from './perplexity_spec.js';
import { protocols } from './protocols/index.js';
import type { TextPerplexity } from './text_perplexity.js';

/** What lm-eval's file says of one entry, and ours. */
export interface ResultEntry {
  readonly results: Record<string, number | string>;
  readonly config: Record<string, unknown>;
  readonly version: number;
  readonly higherIsBetter: Record<string, boolean>;
  readonly samples: { original: number; effective: number };
}

/**
 * Name and entry of a perplexity. `lm-eval-wikitext` on WikiText-2 in windows of its own is lm-eval's task `wikitext`; the others
 * carry the name of their protocol and text, and `perplexity`.
 */
export function perplexityEntry(found: TextPerplexity): [name: string, entry: ResultEntry] {
  const { protocol, text, metrics, documents, window } = found;
  const name =
    found.name === specName({ protocol: 'lm-eval-wikitext', text: 'wikitext2' })
      ? 'wikitext'
      : found.name;
  const results: Record<string, number | string> = { name, alias: name, sample_len: documents };
  for (const [metric, value] of Object.entries(metrics)) {
    results[`${metric},none`] = value;
    results[`${metric}_stderr,none`] = 'N/A'; // lm-eval draws it by bootstrap; windows of a text are no sample
  }
  return [
    name,
    {
      results,
      config: {
        task: name,
        ...(name === 'wikitext' ? wikitextConfig : { dataset_path: found.path ?? text }),
        metric_list: Object.keys(metrics).map((metric) => ({ metric, higher_is_better: false })),
        output_type: 'loglikelihood_rolling',
        metadata: { version: versions[protocol], protocol, max_length: window },
      },
      version: versions[protocol],
      higherIsBetter: Object.fromEntries(Object.keys(metrics).map((metric) => [metric, false])),
      samples: { original: documents, effective: documents },
    },
  ];
}

const wikitextConfig = {
  dataset_path: 'EleutherAI/wikitext_document_level',
  dataset_name: 'wikitext-2-raw-v1',
  test_split: 'test',
  doc_to_text: '',
};

/** lm-eval's for its own task. */
const versions = { 'llm-pruner': 1, gptq: 1, 'lm-eval-wikitext': 2 } as const satisfies Record<
  keyof typeof protocols,
  number
>;

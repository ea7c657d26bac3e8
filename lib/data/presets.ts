// Datasets by name: those of the paper (§3.5, §4), where the hub keeps them, and how they are read. One line a dataset.

export interface Preset {
  readonly kind: 'text' | 'instructions';
  /** Dataset of the Hugging Face hub. */
  readonly id: string;
  /** Folder of its configuration. */
  readonly folder?: string;
  /** Column of the text, where it is not `text`. */
  readonly column?: string;
  /** What it stands for. */
  readonly description: string;
}

/** Texts are cleaned as the paper did unless the job says otherwise. */
export const presets: Readonly<Record<string, Preset>> = {
  openwebtext: {
    ...{ kind: 'text', id: 'Skylion007/openwebtext', folder: 'plain_text' },
    description: "OpenWebText, the paper's stand-in for CommonCrawl and C4",
  },
  wikipedia: {
    ...{ kind: 'text', id: 'wikimedia/wikipedia', folder: '20231101.en' },
    description: 'English Wikipedia, processed (the paper: a dump of 2022)',
  },
  gutenberg: {
    ...{ kind: 'text', id: 'sedthh/gutenberg_english', column: 'TEXT' },
    description: 'English books of Project Gutenberg',
  },
  bookcorpus: {
    ...{ kind: 'text', id: 'lucadiliello/bookcorpusopen' },
    description:
      'BookCorpusOpen: whole books, which have paragraphs; bookcorpus/bookcorpus has sentences',
  },
  alpaca: {
    ...{ kind: 'instructions', id: 'tatsu-lab/alpaca' },
    description: "Stanford Alpaca's 52,000 instructions",
  },
  'alpaca-cleaned': {
    ...{ kind: 'instructions', id: 'yahma/alpaca-cleaned' },
    description: 'the same, mended by hand',
  },
};

/** A preset by its name, or by the dataset that it names. */
export function presetOf(name: string): Preset | undefined {
  if (Object.hasOwn(presets, name)) return presets[name];
  return Object.values(presets).find(({ id }) => id === name);
}

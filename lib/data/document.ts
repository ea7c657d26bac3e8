// A source of training text: named documents, streamed.
import type { StopSignal } from './stop_signal.js';

export interface Document {
  text: string;
  /** File name and place in it, the same in every run. */
  id: string;
}

export type Split = 'train' | 'validation';

export interface Source {
  readonly name: string;
  /** File or folder as given. */
  readonly path: string;
  readonly split: Split;
  /** Files read, sorted. */
  readonly files: readonly string[];
  /** True where the split was held out of the documents because there is none on disk. */
  readonly heldOut: boolean;
  /** Documents in file order; those without anything but white space are left out. */
  documents(signal?: StopSignal): AsyncIterable<Document>;
  /** sha256 over the files' content and everything that decides which documents are read. */
  fingerprint(signal?: StopSignal): Promise<string>;
}

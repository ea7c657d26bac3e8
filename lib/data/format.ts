// What a file format has to offer: its records, one after another.
import type { StopSignal } from './stop_signal.js';

/** One entry of a file, before anything is asked of it. */
export interface FileRecord {
  /** A string, or an object whose fields are the columns. */
  value: unknown;
  /** Where it stands in the file, for messages: `line 12`, `row 3`. */
  where: string;
}

export interface ReadOptions {
  /** Fields that the reader needs; a format with columns reads no others. */
  columns?: readonly string[] | undefined;
  signal?: StopSignal | undefined;
}

export interface Format {
  /** File name endings, lower case, with the dot. */
  readonly extensions: readonly string[];
  /**
   * The records of one file, streamed where the format allows it.
   * @throws LoraShearError `DATA_INVALID` with the place where the file stops making sense.
   */
  records(file: string, options: ReadOptions): AsyncGenerator<FileRecord>;
}

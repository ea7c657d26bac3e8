// Parquet, one row group at a time, only the columns asked for (hyparquet reads the format).
import { LoraShearError } from '../errors.js';
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import type { FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { FileRecord, Format, ReadOptions } from './format.js';
import { firstInvalidByte } from './utf8.js';

export const parquet: Format = {
  extensions: ['.parquet'],
  async *records(file: string, { columns, signal }: ReadOptions): AsyncGenerator<FileRecord> {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await guarded(file, () => parquetMetadataAsync(buffer));
    if (columns) checkColumns(file, metadata, columns);
    let row = 0;
    for (const group of metadata.row_groups) {
      signal?.throwIfAborted();
      const rows = await guarded(file, () =>
        parquetReadObjects({
          file: buffer,
          metadata,
          compressors,
          rowStart: row,
          rowEnd: row + Number(group.num_rows),
          parsers: { stringFromBytes: (bytes) => strict(file, bytes) },
          ...(columns ? { columns: [...columns] } : {}),
        }),
      );
      for (const value of rows) yield { value, where: `row ${row++}` };
    }
  },
};

function checkColumns(file: string, metadata: FileMetaData, columns: readonly string[]): void {
  const present = parquetSchema(metadata).children.map((child) => child.element.name);
  const missing = columns.filter((name) => !present.includes(name));
  if (missing.length === 0) return;
  throw new LoraShearError(
    'DATA_INVALID',
    `${file} has no column "${missing.join('", "')}"; its columns are ${present.join(', ')}`,
    { hint: 'name the column that holds the text', facts: { file, missing, columns: present } },
  );
}

function strict(file: string, bytes: Uint8Array): string {
  const bad = firstInvalidByte(bytes);
  if (bad < 0)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  throw new LoraShearError(
    'DATA_INVALID',
    `${file} holds a string that is not UTF-8 (byte 0x${bytes[bad]!.toString(16)}, ${bad} bytes into it)`,
    { hint: 'write the file again with text columns in UTF-8', facts: { file, offset: bad } },
  );
}

async function guarded<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof LoraShearError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LoraShearError('DATA_INVALID', `${file} is not readable as parquet: ${why}`, {
      hint: 'the file may be cut short or a Git LFS pointer; fetch it again',
      facts: { file },
      cause,
    });
  }
}

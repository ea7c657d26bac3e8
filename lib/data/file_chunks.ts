// The bytes of a file piece by piece, which is closed when the reading ends, not some time after as a stream is.
import { open } from 'node:fs/promises';

/**
 * Pieces of at most `size` bytes, each in memory of its own. However the loop is left, the descriptor is closed before
 * what comes next runs: a thread that ends at once leaves none open.
 */
export async function* fileChunks(path: string, size = 1 << 20): AsyncGenerator<Buffer, void> {
  const handle = await open(path);
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(size), 0, size, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

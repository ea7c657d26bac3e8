// What a command prints to standard output, told apart from what tap prints there meanwhile.

/** Keeps back every write that `isOurs` recognises until `restore` is called; the others go through. */
export function captureOutput(isOurs: (text: string) => boolean) {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  const texts: string[] = [];
  stdout.write = ((...args: Parameters<typeof write>) => {
    const text = String(args[0]);
    if (!isOurs(text)) return write(...args);
    texts.push(text);
    return true;
  }) as typeof stdout.write;
  return {
    texts,
    restore: () => {
      stdout.write = write;
    },
  };
}

// The environment without what npm tells the scripts of this clone, for programs that run in another folder.
export function plainEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')));
}

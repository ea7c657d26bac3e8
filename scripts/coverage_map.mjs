// Which compiled source a compiled test covers: its mirror. tap reads this (`coverage-map` in package.json).
import { existsSync } from 'node:fs';

export default (test) => {
  const source = test
    .replace(/^dist\/test\/(bench|scripts)\//, 'dist/$1/')
    .replace(/^dist\/test\//, 'dist/lib/')
    .replace(/\.test\.js$/, '.js');
  return existsSync(source) ? source : null;
};

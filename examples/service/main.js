// Starts the service; Ctrl-C or SIGTERM cancels what computes, saves its state, and ends.
//   HOST=127.0.0.1 PORT=8080 RUNS=runs node main.js
import { resolve } from 'node:path';
import { createService } from './service.js';

const { HOST: host = '127.0.0.1', PORT: port = '8080', RUNS: root = 'runs' } = process.env;

const server = createService({ root: resolve(root) });
const address = await server.listen({ host, port: Number(port) });
console.log(`listening on ${address}`);

let closing = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    // A second signal does not wait.
    if (closing) process.exit(130);
    closing = true;
    void server.close();
  });
}

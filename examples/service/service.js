// The HTTP side: routes over the queue of runs, errors as problem details (RFC 9457), events as server-sent events.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fastify from 'fastify';
import { LoraShearError } from 'lorashear-native';
import { RunQueue } from './run_queue.js';

/** Milliseconds between comments that keep proxies from closing a quiet stream. */
const keepAlive = 15_000;

/** A Fastify server, not listening yet, that keeps its runs below the folder `root`. Closing it cancels them. */
export function createService({ root, logger = false }) {
  const queue = new RunQueue(root);
  const server = fastify({ logger, forceCloseConnections: true });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();

  server.setErrorHandler((error, _, reply) => problem(reply, statusOf(error), error));
  server.setNotFoundHandler((request, reply) =>
    problem(reply, 404, new Error(`there is no ${request.method} ${request.url}`)),
  );
  server.addHook('preClose', () => queue.close());
  server.addHook('onClose', () => delay.disable());

  server.post('/runs', (request, reply) => {
    const entry = queue.add(request.body);
    return reply.code(201).header('location', `/runs/${entry.id}`).send(view(entry));
  });

  server.get('/runs', () => ({ runs: queue.list().map(view) }));

  server.get('/runs/:id', (request) => view(found(request)));

  server.delete('/runs/:id', (request, reply) => {
    const entry = found(request);
    queue.cancel(entry);
    return reply.code(entry.endedAt ? 200 : 202).send(view(entry));
  });

  server.get('/runs/:id/report', (request, reply) => {
    const { result, state } = found(request);
    if (!result) throw absent(`the run is ${state} and has no report`);
    return reply.type('text/html; charset=utf-8').send(createReadStream(result.report));
  });

  server.get('/runs/:id/events', async (request, reply) => {
    const { events } = found(request);
    const after = Number(request.headers['last-event-id'] ?? 0);
    reply.hijack();
    await stream(events, Number.isSafeInteger(after) ? after : 0, reply.raw);
  });

  // What an operator watches: memory, and whether the event loop is free. Milliseconds; `?reset` starts anew.
  server.get('/health', (request) => {
    const eventLoopDelay = { longest: delay.max / 1e6, mean: delay.mean / 1e6 };
    if ('reset' in request.query) delay.reset();
    return { status: 'ok', memory: process.memoryUsage(), eventLoopDelay };
  });

  return server;

  function found(request) {
    const entry = queue.get(request.params.id);
    if (!entry) throw absent(`there is no run ${request.params.id}`);
    return entry;
  }
}

/** What a client sees of a run. */
function view({ id, state, stage, job, queuedAt, startedAt, endedAt, result, error }) {
  const { model, ratio, output } = job;
  const outcome = { ...(result && { result }), ...(error && { error: described(error) }) };
  return { id, state, stage, model, ratio, output, queuedAt, startedAt, endedAt, ...outcome };
}

/** Writes events as the client takes them; a client that is too slow misses steps, not stages. */
async function stream(events, after, response) {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  const beat = setInterval(() => response.write(':\n\n'), keepAlive);
  try {
    for await (const [id, event] of events.read(after, gone.signal)) {
      const text = `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
      if (!response.write(text)) await once(response, 'drain', { signal: gone.signal });
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    clearInterval(beat);
    response.end();
  }
}

function absent(message) {
  return Object.assign(new Error(message), { statusCode: 404 });
}

/** A job that is wrong is the client's mistake; all else of the toolkit's errors is not. */
function statusOf(error) {
  if (error instanceof LoraShearError) return error.exitCode === 2 ? 400 : 500;
  return error.statusCode ?? 500;
}

function described({ code, message, hint, facts }) {
  return { code, message, hint, facts };
}

function problem(reply, status, error) {
  const { message: detail, hint } = error;
  const code = error.code ?? (status === 404 ? 'NOT_FOUND' : 'INTERNAL');
  const title = STATUS_CODES[status];
  const problems = error.facts?.problems;
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, code, detail, hint, problems }));
}

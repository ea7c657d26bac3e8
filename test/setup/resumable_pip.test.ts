import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { downloadsFolder, fetchWheels } from '../../lib/setup/fetch.js';
import { findPython } from '../../lib/setup/machine.js';
import type { SetupEvent } from '../../lib/setup/setup_event.js';
import type { Wheel } from '../../lib/setup/wheels.js';
import { storedZip } from './stored_zip.js';

// The real pip against a server of our own on the loopback; CI has pip, another machine may lack it.
function hasPip(): boolean {
  try {
    execFileSync(findPython() ?? 'python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const skip = hasPip() || process.env['CI'] ? false : 'no Python with pip on this machine';

const file = 'resumable_thing-1.0-py3-none-any.whl';
const bytes = storedZip({
  'resumable_thing-1.0.dist-info/METADATA':
    'Metadata-Version: 2.1\nName: resumable-thing\nVersion: 1.0\n',
  'resumable_thing-1.0.dist-info/WHEEL':
    'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  'payload.txt': randomBytes(1_500_000).toString('hex'),
});
const wheel: Wheel = {
  name: 'resumable-thing',
  version: '1.0',
  sha256: createHash('sha256').update(bytes).digest('hex'),
  megabytes: bytes.length / 1e6,
};
const part = `resumable-thing-1.0.${wheel.sha256.slice(0, 12)}.part`;

type Answer = (response: ServerResponse, range: string | undefined) => void;

/** Answers the rest that was asked for, as servers of packages do. */
const withRanges: Answer = (response, range) => {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const headers = {
    'Content-Length': bytes.length - start,
    'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
  };
  if (range === undefined) response.writeHead(200, { 'Content-Length': bytes.length });
  else if (start < bytes.length) response.writeHead(206, headers);
  else response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` });
  response.end(bytes.subarray(start));
};

/** Sends the first half and then nothing: the connection stays open. */
const stalls: Answer = (response) => {
  response.writeHead(200, { 'Content-Length': bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2));
};

/** A package index with one wheel, whose requests are answered one after another by `answers`, then by the last. */
async function index(t: Test, ...answers: Answer[]) {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    if (request.url !== `/${file}`) {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end(`<a href="/${file}">${file}</a>`);
      return;
    }
    const answer = answers[Math.min(ranges.length, answers.length - 1)]!;
    ranges.push(request.headers.range);
    answer(response, request.headers.range);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const env = {
    ...process.env,
    LORASHEAR_CACHE: join(t.testdir(), 'cache'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: `http://127.0.0.1:${port}/simple/`,
    PIP_FIND_LINKS: '',
    NO_PROXY: '127.0.0.1',
  };
  mkdirSync(downloadsFolder(env), { recursive: true });
  return { env, ranges, downloads: downloadsFolder(env) };
}

const fetchIt = (env: NodeJS.ProcessEnv, onEvent: (event: SetupEvent) => void = () => undefined) =>
  fetchWheels([wheel], 'linux-x64', onEvent, env);

/** The same in a process of its own, which can be killed. */
function fetchInProcess(env: NodeJS.ProcessEnv): ChildProcess {
  const url = new URL('../../lib/setup/fetch.js', import.meta.url).href;
  const script = `import { fetchWheels } from '${url}';
    await fetchWheels(${JSON.stringify([wheel])}, 'linux-x64', () => undefined);`;
  const plain = { ...env, NODE_OPTIONS: '' };
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: plain,
    stdio: 'ignore',
  });
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

t.test('when a download is killed, then the next asks for the rest only', { skip }, async (t) => {
  const { env, ranges, downloads } = await index(t, stalls, withRanges);
  const killed = fetchInProcess(env);
  t.teardown(() => killed.kill('SIGKILL'));
  // What has come is written in pieces of 256 KiB.
  const most = bytes.length / 2 - (1 << 18);
  while (sizeOf(join(downloads, part)) < most) await sleep(20);
  killed.kill('SIGKILL');
  await new Promise((gone) => killed.on('close', gone));
  const kept = sizeOf(join(downloads, part));

  const events: SetupEvent[] = [];
  const [path = ''] = await fetchIt(env, (event) => events.push(event));
  t.ok(readFileSync(path).equals(bytes));
  t.same(ranges, [undefined, `bytes=${kept}-`]);
  t.match(events[0], { kind: 'note', text: /goes on after/ });
  t.same(readdirSync(downloads), [file], 'nothing else is left');
});

t.test('when the connection breaks, then the same call asks for the rest', { skip }, async (t) => {
  const breaks: Answer = (response) => {
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  };
  const { env, ranges } = await index(t, breaks, withRanges);
  const [path = ''] = await fetchIt(env);
  t.ok(readFileSync(path).equals(bytes));
  t.equal(ranges.length, 2);
  t.match(ranges[1], /^bytes=\d+-$/);
});

t.test('when the server knows no ranges, then the whole is taken', { skip }, async (t) => {
  const always: Answer = (response) => withRanges(response, undefined);
  const refuses: Answer = (response, range) => {
    if (range === undefined) withRanges(response, undefined);
    else response.writeHead(403).end();
  };
  for (const answer of [always, refuses]) {
    const { env, downloads } = await index(t, answer);
    writeFileSync(join(downloads, part), bytes.subarray(0, 1000));
    const [path = ''] = await fetchIt(env);
    t.ok(readFileSync(path).equals(bytes));
    t.same(readdirSync(downloads), [file]);
  }
});

t.test('when only the end was missed, then nothing is fetched again', { skip }, async (t) => {
  const { env, ranges, downloads } = await index(t, withRanges);
  writeFileSync(join(downloads, part), bytes);
  const [path = ''] = await fetchIt(env);
  t.ok(readFileSync(path).equals(bytes));
  t.same(ranges, [`bytes=${bytes.length}-`]);
});

t.test(
  'when what was left is no beginning, then all is fetched anew, once',
  { skip },
  async (t) => {
    const { env, ranges, downloads } = await index(t, withRanges);
    writeFileSync(join(downloads, part), 'something else');
    const [path = ''] = await fetchIt(env);
    t.ok(readFileSync(path).equals(bytes));
    t.same(ranges, ['bytes=14-', undefined]);
  },
);

t.test('when the server has other bytes, then they are refused, not kept', { skip }, async (t) => {
  const other: Answer = (response) => response.end(Buffer.alloc(bytes.length));
  const { env, ranges, downloads } = await index(t, other);
  await t.rejects(fetchIt(env), { code: 'LIBTORCH_HASH_MISMATCH' });
  t.same(ranges, [undefined]);
  t.same(readdirSync(downloads), []);
});

t.test('when the disk is full, then the error is about space', { skip }, async (t) => {
  const { env, downloads } = await index(t, withRanges);
  symlinkSync('/dev/full', join(downloads, part));
  await t.rejects(fetchIt(env), { code: 'SETUP_CACHE_FAILED', hint: /free some space/ });
});

t.test('when a pip has other insides, then it still downloads', { skip }, async (t) => {
  const { env, ranges, downloads } = await index(t, withRanges);
  writeFileSync(join(downloads, part), bytes.subarray(0, 1000));
  const site = t.testdir({
    'sitecustomize.py': `
import pip._internal.network.download as insides
whole = insides.Downloader.__call__
insides.Downloader.__call__ = lambda self, one, other, more=None: whole(self, one, other)`,
  });
  const [path = ''] = await fetchIt({ ...env, PYTHONPATH: site });
  t.ok(readFileSync(path).equals(bytes));
  t.same(ranges, [undefined]);
  t.same(readdirSync(downloads), [file]);
});

// Draws a run while it goes on: the list of its stages with a bar on a terminal, plain lines elsewhere.
import { SingleBar } from 'cli-progress';
import pc from 'picocolors';
import type { RunEvent, StageName } from '../events.js';
import { bytes, digits, duration } from '../report/format.js';

export interface Renderer {
  event: (event: RunEvent) => void;
  /** A line of its own, above the bar. */
  note: (text: string) => void;
  /** Takes the bar away; nothing is drawn afterwards. */
  end: () => void;
}

type Progress = Extract<RunEvent, { type: 'progress' }>;

const titles: Readonly<Record<StageName, string>> = {
  load: 'Read model and data',
  trace: 'Trace the model',
  partition: 'Find removable structures',
  'evaluate-dense': 'Evaluate the dense model',
  knowledge: 'Analyse where knowledge sits',
  budget: 'Decide what every group loses',
  lhspg: 'Prune progressively (LHSPG)',
  compress: 'Cut and verify',
  'evaluate-cut': 'Evaluate the cut model',
  'recover-pretraining': 'Recover on text',
  'recover-instruct': 'Recover on instructions',
  export: 'Export and verify',
  'evaluate-recovered': 'Evaluate the recovered model',
  report: 'Write the report',
  evaluate: 'Evaluate',
  score: 'Score',
  generate: 'Generate',
};

/**
 * A renderer for standard error.
 * @param plan stages that will come, in their order; none where only one does
 */
export function renderer(
  stream: NodeJS.WriteStream = process.stderr,
  plan: readonly StageName[] = [],
): Renderer {
  return stream.isTTY ? onTerminal(stream, plan) : asLines(stream);
}

/** Ended stages stay as lines; below them the one that goes on, what comes then, and its bar. */
function onTerminal(stream: NodeJS.WriteStream, plan: readonly StageName[]): Renderer {
  const narrate = narrator();
  let bar: SingleBar | undefined;
  let clock = rateClock();
  let head: string | undefined;
  const clear = () => {
    bar?.stop();
    bar = undefined;
    if (head !== undefined) stream.write('\u001b[1A\u001b[2K');
  };
  const drawHead = () => {
    if (head !== undefined) stream.write(`${head}\n`);
  };
  const line = (text: string) => {
    clear();
    stream.write(`${text}\n`);
    drawHead();
  };
  return {
    event(event) {
      if (event.type === 'progress') {
        if (!bar) {
          const format = `  ${pc.cyan('{bar}')} {percentage} % {facts}`;
          bar = new SingleBar({
            stream,
            format,
            hideCursor: true,
            clearOnComplete: true,
            barsize: 28,
          });
          clock = rateClock();
          bar.start(event.total, event.done, { facts: pc.dim(factsOf(event, clock(event))) });
        }
        bar.setTotal(event.total);
        bar.update(event.done, { facts: pc.dim(factsOf(event, clock(event))) });
        return;
      }
      if (event.type === 'stage-start' && !event.reused) {
        clear();
        head = headOf(event.stage, plan, stream.columns);
        drawHead();
        return;
      }
      const text = narrate(event);
      if (event.type === 'stage-end') {
        clear();
        head = undefined;
      }
      if (text !== undefined) line(text);
    },
    note: line,
    end() {
      clear();
      head = undefined;
    },
  };
}

/** `▸ Cut and verify  then Evaluate the dense model, Evaluate the cut model, 5 more`, within one line. */
function headOf(stage: StageName, plan: readonly StageName[], columns = 80): string {
  const title = `▸ ${titles[stage]}`;
  const rest = plan.includes(stage) ? plan.slice(plan.indexOf(stage) + 1) : [];
  for (let shown = rest.length; shown > 0; shown--) {
    const more = rest.length > shown ? [`${rest.length - shown} more`] : [];
    const then = `  then ${[...rest.slice(0, shown).map((next) => titles[next]), ...more].join(', ')}`;
    if (title.length + then.length < columns) return `${title}${pc.dim(then)}`;
  }
  return title.slice(0, columns - 1);
}

/** At the beginning and end of a stage, and at every quarter between. */
function asLines(stream: NodeJS.WriteStream): Renderer {
  const narrate = narrator();
  let quarter = 0;
  let clock = rateClock();
  const line = (text: string) => stream.write(`${text}\n`);
  return {
    event(event) {
      if (event.type === 'progress') {
        const rate = clock(event);
        const reached = Math.floor((4 * event.done) / Math.max(1, event.total));
        if (reached > quarter && reached < 4) line(`  ${reached * 25} % ${factsOf(event, rate)}`);
        quarter = Math.max(quarter, reached);
        return;
      }
      if (event.type === 'stage-start') {
        quarter = 0;
        clock = rateClock();
        if (!event.reused) line(`${titles[event.stage]} …`);
      }
      const text = narrate(event);
      if (text !== undefined) line(text);
    },
    note: line,
    end: () => undefined,
  };
}

/** What each event but progress is in words; undefined for those that are not told. */
function narrator(): (event: Exclude<RunEvent, Progress>) => string | undefined {
  const standing = new Set<StageName>();
  return (event) => {
    switch (event.type) {
      case 'stage-start':
        if (!event.reused) return undefined;
        standing.add(event.stage);
        return pc.dim(`✓ ${titles[event.stage]} (stands)`);
      case 'stage-end':
        if (standing.has(event.stage)) return undefined;
        return `${pc.green('✓')} ${titles[event.stage]} ${pc.dim(duration(event.seconds))}`;
      case 'warning':
        return pc.yellow(`! ${event.message}`);
      // Saves come every few steps; they are for programs. Tokens are drawn by who asked for them.
      case 'saved':
      case 'token':
      case 'metric':
        return undefined;
    }
  };
}

/** `loss 2.31, perplexity 10.1, 41 step/s, 12 s left, 512 MB`. */
function factsOf({ done, total, unit, loss, perplexity, note }: Progress, rate: number): string {
  const left = rate > 0 ? (total - done) / rate : NaN;
  const of = perplexity ?? (loss === undefined ? undefined : Math.exp(loss));
  return [
    `${done}/${total} ${unit}${total === 1 ? '' : 's'}`,
    ...(note === undefined ? [] : [note]),
    ...(loss === undefined ? [] : [`loss ${digits(loss)}`]),
    ...(of === undefined ? [] : [`perplexity ${digits(of)}`]),
    ...(rate > 0 ? [`${digits(rate, 3)} ${unit}s/s`] : []),
    ...(Number.isFinite(left) && done < total ? [`${duration(left)} left`] : []),
    bytes(process.memoryUsage.rss()),
  ].join(', ');
}

/** Units per second since the stage began (or was resumed), as the engine says or as seen here. */
function rateClock(): (event: Progress) => number {
  let first: { at: number; done: number } | undefined;
  return ({ done, rate }) => {
    const now = performance.now();
    first ??= { at: now, done };
    if (rate !== undefined) return rate;
    const seconds = (now - first.at) / 1000;
    return seconds > 0.2 ? (done - first.done) / seconds : 0;
  };
}

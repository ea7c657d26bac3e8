// The report in a real browser: nothing is fetched or logged, nothing overflows, text is read, the keyboard reaches all.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { writeReport } from '../../lib/report/write_report.js';
import { writeSampleRun } from '../fixtures/run_artefacts.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const found = [
  process.env['CHROMIUM'] ?? '',
  ...(process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => names.map((n) => join(dir, n))),
].find((path) => path !== '' && existsSync(path));

const skip =
  found === undefined
    ? 'no Chromium on this machine: install chromium, or name one in CHROMIUM'
    : false;

/** Functions that run in the page, by name. */
const checks = readFileSync(
  fileURLToPath(new URL('../../../test/fixtures/page_checks.js', import.meta.url)),
  'utf8',
);

const ask = <T>(page: Page, call: string): Promise<T> =>
  page.evaluate<T>(`${checks.trim().replace(/;$/, '')}.${call}`);

interface Contrast {
  text: string;
  colours: string;
  ratio: number;
  large: boolean;
}

interface Focus {
  text: string;
  scrolls: string | null;
  href: string | null;
  ring: boolean;
}

const widths = [360, 1280] as const;
const schemes = ['light', 'dark'] as const;

/** Reports of runs of different shape: a small model, a deep one, one that was stopped. */
function pages(t: Test): [string, string][] {
  const dir = t.testdir({ small: {}, deep: {}, stopped: {} });
  writeSampleRun(join(dir, 'small'));
  writeSampleRun(join(dir, 'deep'), undefined, 80);
  writeSampleRun(join(dir, 'stopped'), 'lhspg');
  return ['small', 'deep', 'stopped'].map((name) => [name, writeReport(join(dir, name)).html]);
}

/** Opens a page and fails on what it logs or asks for. */
async function open(
  t: Test,
  browser: Browser,
  path: string,
  look: { width: number; scheme: (typeof schemes)[number] },
): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: look.width, height: 800 },
    colorScheme: look.scheme,
  });
  const url = pathToFileURL(path).href;
  page.on('console', (message) => t.fail(`logged: ${message.text()}`));
  page.on('pageerror', (error) => t.fail(`threw: ${error.message}`));
  page.on('request', (request) => {
    if (request.url() !== url) t.fail(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

t.test('when a report is opened in a browser', { skip }, async (t) => {
  const browser = await chromium.launch({ executablePath: found ?? '', args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const reports = pages(t);
  const [[, small] = ['', '']] = reports;

  for (const [name, path] of reports) {
    for (const width of widths) {
      for (const scheme of schemes) {
        await t.test(
          `then ${name}, ${width} px wide and ${scheme}, is whole and read`,
          async (t) => {
            const page = await open(t, browser, path, { width, scheme });
            await checkLayout(t, page, width);
            await ask(page, 'openAll()');
            await checkLayout(t, page, width);
            const all = await ask<Contrast[]>(page, 'contrasts()');
            t.ok(all.length > 50, `${all.length} texts`);
            // WCAG 2.2 AA
            const poor = all.filter(({ ratio, large }) => ratio < (large ? 3 : 4.5));
            t.strictSame(poor.slice(0, 10), [], 'every text is read');
            await page.close();
          },
        );
      }
    }
  }

  await t.test('then figures, tables and parts have names', async (t) => {
    const page = await open(t, browser, small, { width: 360, scheme: 'light' });
    t.ok((await page.locator('figure').count()) > 8);
    for (const figure of await page.locator('figure').all()) {
      const images = figure.getByRole('img');
      t.equal(await images.count(), 1, 'of the two drawings one is there');
      t.ok(((await images.getAttribute('aria-label')) ?? '').length > 10);
      const title = await figure.locator('figcaption').innerText();
      t.equal(await page.getByRole('figure', { name: title, exact: true }).count(), 1, title);
      t.ok((await figure.locator('details table tbody tr').count()) > 0, `${title}, in numbers`);
    }
    t.equal(await page.getByRole('main').count(), 1);
    t.equal(await page.getByRole('navigation', { name: 'Sections' }).count(), 1);
    t.equal(await page.locator('table:not(:has(thead th[scope=col]))').count(), 0);
    await page.close();
  });

  await t.test('then the keyboard reaches the results, every part and what scrolls', async (t) => {
    const page = await open(t, browser, small, { width: 360, scheme: 'dark' });
    await page.keyboard.press('Tab');
    t.equal((await ask<Focus>(page, 'focus()')).text, 'Skip to the results');
    t.ok(((await page.locator('.skip').boundingBox())?.y ?? -1) >= 0, 'it is in sight now');
    await page.keyboard.press('Enter');
    t.match(page.url(), /#main$/);
    await ask(page, 'openAll()');
    const scrolling = await ask<number>(page, 'markScrolling()');
    t.ok(scrolling > 5, `${scrolling} areas scroll`);
    const [reached, links] = [new Set<string>(), new Set<string>()];
    const stops = await ask<number>(page, 'stops()');
    for (let i = 0; i < stops + 2; i++) {
      await page.keyboard.press('Tab');
      const { text, scrolls, href, ring } = await ask<Focus>(page, 'focus()');
      if (!ring) t.fail(`no ring around "${text}" when it has the focus`);
      if (scrolls !== null) reached.add(scrolls);
      if (href !== null && href !== '#main') links.add(href);
    }
    t.equal(reached.size, scrolling);
    t.equal(links.size, await page.locator('section').count());
    await page.close();
  });
});

/** The page never scrolls sideways, nothing reaches beyond it or beyond a drawing, no letters lie on others. */
async function checkLayout(t: Test, page: Page, width: number): Promise<void> {
  t.equal(await ask(page, 'pageWidth()'), width, 'no scrolling sideways');
  t.strictSame(await ask(page, `beyond(${width})`), []);
  t.strictSame(await ask(page, 'cutLetters()'), [], 'drawings are whole');
  t.strictSame(await ask(page, 'overlaps()'), [], 'no letters on others');
}

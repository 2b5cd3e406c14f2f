import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const places = [
  process.env.CHROME_BIN,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

const executable = places.find((path) => path !== undefined && existsSync(path));

/** Whether tests have to do without a browser. In CI they must not: there they fail. */
export const noBrowser: boolean = executable === undefined && process.env.CI !== 'true';

/** What tests are called that need a browser: so that whoever sees them skipped knows what to do. */
export const inBrowser: string = noBrowser
  ? 'in a browser (skipped: install chromium, or name one in CHROME_BIN)'
  : 'in a browser';

/** Starts Chromium, which asks nobody but the tests' own servers. */
export function startBrowser(): Promise<Browser> {
  if (executable === undefined) throw new Error('There is no browser. Install the package chromium.');
  return chromium.launch({
    executablePath: executable,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
}

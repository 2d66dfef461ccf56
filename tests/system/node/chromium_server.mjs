// One Chromium for the pages of many programs, until the end of stdin.
//   node chromium_server.mjs [--trust server.pem] [--port n] [--chromium /usr/bin/chromium]
// stdout: {"browser":address}, for `chromium.connect` of Playwright.
import { chromium } from 'playwright-core';
import { launch_options } from './chromium.mjs';
import read_options from './options.cjs';

const browser = await chromium.launchServer(await launch_options(read_options()));
process.stdout.write(`${JSON.stringify({ browser: browser.wsEndpoint() })}\n`);
process.stdin.resume();
process.stdin.on('end', async () => {
  await browser.close();
  process.exit(0);
});

// The chat example in a real browser: two members talk, a third arrives later, one leaves.
//   node chat_pages.mjs --url http://127.0.0.1:8080/examples/chat/ --screenshot chat.png [--chromium /usr/bin/chromium]
//                       [--trust server.pem] [--port n]
// --trust: of all certificates only this one is good, and the SDK dials where it always does, wss on port 443.
// --port: connections to port 443 of localhost are made to this one instead.
// stdout: one JSON line per step: {"step":"both-in","hulk":{…},"thor":{…}}, each page seen as
// {"status","members":[socketId],"me":[socketId],"messages":[text]}. A step that does not come about within the
// deadline prints {"failed":step,…} with what the pages showed instead, and ends the program with 1.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { launch_options } from './chromium.mjs';
import read_options from './options.cjs';

const options = read_options();
const deadline_ms = 10000;
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const profile = await mkdtemp(join(tmpdir(), 'millrace-chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  ...await launch_options(options),
  viewport: { width: 1000, height: 700 },
});
if (options.trust) {
  await browser.route('**/websocket_address.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
}

async function open(name) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => print({ page_error: String(error), name }));
  page.on('console', (line) => line.type() === 'error' && print({ console_error: line.text(), name }));
  page.on('response', (got) => got.status() >= 400 && print({ refused: got.url(), status: got.status(), name }));
  await page.goto(`${options.url}?name=${encodeURIComponent(name)}`);
  return page;
}

function seen(page) {
  return page.evaluate(() => {
    const items = (selector) => [...document.querySelectorAll(selector)];
    const socket_ids = (selector) => items(selector).map((item) => item.title);
    return {
      status: document.querySelector('#status')?.textContent.trim(),
      members: socket_ids('#members li'),
      me: socket_ids('#members li.me'),
      messages: items('#messages li').map((item) => item.textContent.trim()),
    };
  });
}

// Waits until every page satisfies `wanted`, then prints what each shows.
async function step(name, pages, wanted) {
  const end = Date.now() + deadline_ms;
  for (;;) {
    const views = {};
    for (const [who, page] of Object.entries(pages)) views[who] = await seen(page);
    if (Object.entries(views).every(([who, view]) => wanted(view, who))) return print({ step: name, ...views });
    if (Date.now() > end) {
      print({ failed: name, ...views });
      await finish(1);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function say(page, text) {
  await page.fill('#message', text);
  await page.click('#form [type=submit], #form button');
}

async function finish(status) {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
  process.exit(status);
}

const roster = (count) => (view) => view.status === 'connected' && view.members.length === count && view.me.length === 1;
const shows = (...texts) => (view) =>
  view.messages.length === texts.length && texts.every((text, i) => view.messages[i].includes(text));

const hulk = await open('Hulk');
const thor = await open('Thor');
await step('both-in', { hulk, thor }, roster(2));
await say(hulk, 'Hulk smash');
await step('first-word', { hulk, thor }, shows('Hulk smash'));
await say(thor, 'I am worthy');
await step('answer', { hulk, thor }, shows('Hulk smash', 'I am worthy'));
const loki = await open('Loki');
await step('third-in', { hulk, thor, loki }, roster(3));
await step('history', { loki }, shows('Hulk smash', 'I am worthy'));
await loki.screenshot({ path: options.screenshot });
await thor.close();
await step('one-closed', { hulk, loki }, roster(2));
await finish(0);

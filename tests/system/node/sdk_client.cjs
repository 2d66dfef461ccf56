// One member of a channel through the published Xano SDK, unmodified, in this process or in a page of Chromium.
//   node sdk_client.cjs --major 1|2|3 --url ws://127.0.0.1:8080 --key default --channel room [--second channel]
//                       [--token t] [--history] [--presence] [--queued n] [--seqs] [--builtin] [--port n]
//                       [--browser address]
// With an address of https:// the SDK dials wss://<host> on port 443 as it always does; of ws://, it is led there.
// --port: connections to port 443 are made to this one instead, below TLS.
// --builtin: with Node's own WebSocket (--experimental-websocket), not with ws.
// --browser: in a page of the Chromium that chromium_server.mjs has started, on the origin of --url.
// What it says and what it can be told stands in sdk_member.cjs. The end of stdin ends the program.
'use strict';

const readline = require('node:readline');
const options = require('./options.cjs')();
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function lead_port_443_to(port) {
  const tls = require('node:tls');
  const connect = tls.connect;
  tls.connect = (where, ...more) =>
    connect(Number(where.port) === 443 ? { ...where, port } : where, ...more);
}

function start_here() {
  if (options.port) lead_port_443_to(Number(options.port));
  if (!options.builtin) globalThis.WebSocket = require('ws');
  const sdk = require(`xano-js-sdk-${options.major}`);
  const commands = require('./sdk_member.cjs')(sdk, options, print);
  return (command) => commands[command.do](command);
}

async function start_in_page() {
  const browser = await require('playwright-core').chromium.connect(options.browser);
  const page = await browser.newPage();
  page.on('pageerror', (error) => print({ page_error: String(error) }));
  await page.exposeFunction('report', print);
  await page.goto(`${options.url}healthz`);
  await page.addScriptTag({ path: require.resolve(`xano-js-sdk-${options.major}/dist/xano.min.js`) });
  await page.addScriptTag({ path: require.resolve('./sdk_member.cjs') });
  await page.evaluate((given) => { window.commands = window.sdk_member(window, given, window.report); }, options);
  return (command) => page.evaluate((given) => { window.commands[given.do](given); }, command);
}

async function main() {
  const perform = await (options.browser ? start_in_page() : start_here());
  // Not earlier: a line that comes before somebody waits for it is lost.
  const input = readline.createInterface({ input: process.stdin });
  for await (const line of input) await perform(JSON.parse(line));
  process.exit(0);
}

main();

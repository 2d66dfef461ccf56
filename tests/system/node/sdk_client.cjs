// One member of a channel through the published Xano SDK, unmodified.
//   node sdk_client.cjs --major 1|2|3 --url ws://127.0.0.1:8080 --key default --channel room
//                       [--token t] [--history] [--presence] [--queue]
// stdout: one JSON object per line: {"frame":…} for what the handler of on() got, {"error":…} for what
// onError got, {"presence":[…]} as answer to the command of that name.
// stdin: one command per line: {"do":"message","payload":…,"options":{…}}, {"do":"private","socketId","payload"},
// {"do":"history"}, {"do":"presence"}, {"do":"destroy"}. The end of stdin ends the program.
'use strict';

const readline = require('node:readline');
const WebSocket = require('ws');
const options = require('./options.cjs')();

// The SDK always dials wss on port 443; only the address is changed here.
globalThis.WebSocket = class extends WebSocket {
  constructor(address, protocols) {
    super(address.replace(/^wss:\/\/[^/]+/, options.url), protocols);
    this.on('error', () => {});
  }
};

const { XanoClient, XanoObjectStorage } = require(`xano-js-sdk-${options.major}`);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const plain = ({ action, client, options: where, payload }) => ({ action, client, options: where, payload });
const member = ({ socketId, extras, permissions }) => ({ socketId, extras, permissions });

const client = new XanoClient({
  instanceBaseUrl: 'https://realtime.example.com/',
  realtimeConnectionHash: options.key,
  realtimeAuthToken: options.token,
  storage: new XanoObjectStorage(),
});
const channel = client.channel(options.channel, {
  history: Boolean(options.history),
  presence: Boolean(options.presence),
  queueOfflineActions: Boolean(options.queue),
});
channel.on((frame) => print({ frame: plain(frame) }), (frame) => print({ error: plain(frame) }));

const commands = {
  message: ({ payload, options: extra }) => channel.message(payload, extra),
  private: ({ socketId, payload }) => channel.getPresence().find((m) => m.socketId === socketId).message(payload),
  history: () => channel.history(),
  presence: () => print({ presence: channel.getPresence().map(member) }),
  destroy: () => channel.destroy(),
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
});
input.on('close', () => process.exit(0));

// One member of a channel through the published Xano SDK, unmodified.
//   node sdk_client.cjs --major 1|2|3 --url ws://127.0.0.1:8080 --key default --channel room
//                       [--second channel] [--token t] [--history] [--presence] [--queue] [--seqs] [--builtin]
// With an address of https:// the SDK dials wss://<host> on port 443 as it always does; of ws://, it is led there.
// --builtin: with Node's own WebSocket (--experimental-websocket), not with ws.
// stdout: one JSON object per line: {"frame":…} for what the handler of on() got, {"error":…} for what onError got,
// {"second":…} and {"second_error":…} for those of the second channel, {"presence":[…]} as answer to the command of
// that name, {"dial":address} and {"closed":code} of each connection. --seqs: of events and histories only
// {"seqs":[…],"history":true or false}.
// stdin: one command per line: {"do":"message","payload":…,"options":{…}}, {"do":"private","socketId","payload"},
// {"do":"history"}, {"do":"presence"}, {"do":"destroy"}, {"do":"cut"}, which cuts the connection.
// The end of stdin ends the program.
'use strict';

const readline = require('node:readline');
const WebSocket = require('ws');
const options = require('./options.cjs')();
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const at_home = options.url.startsWith('https:');
let socket = null;
if (!options.builtin) {
  globalThis.WebSocket = class extends WebSocket {
    constructor(address, protocols) {
      super(at_home ? address : address.replace(/^wss:\/\/[^/]+/, options.url), protocols);
      socket = this;
      print({ dial: address });
      this.on('error', ({ message }) => print({ dial_error: message }));
      this.on('close', (code) => print({ closed: code }));
    }
  };
}

const { XanoClient, XanoObjectStorage } = require(`xano-js-sdk-${options.major}`);
const plain = ({ action, client, options: where, payload }) => ({ action, client, options: where, payload });
const member = ({ socketId, extras, permissions }) => ({ socketId, extras, permissions });

const client = new XanoClient({
  instanceBaseUrl: at_home ? options.url : 'https://realtime.example.com/',
  realtimeConnectionHash: options.key,
  realtimeAuthToken: options.token,
  storage: new XanoObjectStorage(),
});
const wishes = {
  history: Boolean(options.history),
  presence: Boolean(options.presence),
  queueOfflineActions: Boolean(options.queue),
};
const channel = client.channel(options.channel, wishes);
const second = options.second && client.channel(options.second, wishes);

function tell(frame) {
  const { action, payload, options: where } = frame;
  if (!options.seqs) return print({ frame: plain(frame) });
  if (action === 'event') print({ seqs: [where.seq], history: false });
  if (action === 'history') print({ seqs: payload.history.map((record) => record.options.seq), history: true });
}
channel.on(tell, (frame) => print({ error: plain(frame) }));
if (second) second.on((frame) => print({ second: plain(frame) }), (frame) => print({ second_error: plain(frame) }));

const commands = {
  message: ({ payload, options: extra }) => channel.message(payload, extra),
  private: ({ socketId, payload }) => channel.getPresence().find((m) => m.socketId === socketId).message(payload),
  history: () => channel.history(),
  presence: () => print({ presence: channel.getPresence().map(member) }),
  destroy: () => channel.destroy(),
  cut: () => socket.terminate(),
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
});
input.on('close', () => process.exit(0));

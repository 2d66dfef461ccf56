// fetch over https and a WebSocket over wss, with Node's own TLS (NODE_EXTRA_CA_CERTS names the authority).
//   node https_client.mjs --url https://localhost:8443
// stdout: {"published":status,"seq":n}, then {"history":[data…]}, then {"websocket":first frame}.
import WebSocket from 'ws';
import read_options from './options.cjs';

const { url } = read_options();
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const published = await fetch(`${url}/v1/publish`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ channel: 'room', data: 'x'.repeat(300000) }),
});
print({ published: published.status, seq: (await published.json()).seq });
const history = await fetch(`${url}/v1/channels/room/messages`);
print({ history: (await history.json()).messages.map(({ data }) => data.length) });

const socket = new WebSocket(`${url.replace('https:', 'wss:')}/rt/default`);
socket.on('error', ({ message }) => print({ error: message }));
socket.on('open', () => socket.send(JSON.stringify({ action: 'join', options: { channel: 'room' } })));
socket.on('message', (frame) => {
  print({ websocket: JSON.parse(frame.toString()) });
  socket.close();
});
socket.on('close', (code) => print({ closed: code }));

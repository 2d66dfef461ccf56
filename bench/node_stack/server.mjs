// A realtime backend as an application developer would write it with the usual packages, in one process:
// a POST becomes a row in PostgreSQL, and once that is committed it goes to the browsers and MQTT clients of its channel.
//
//   POST /channels/NAME {"data": …}   answers 201 {"id": …}
//   WebSocket /rt                     {"action": "join" | "leave", "options": {"channel": NAME}}
//   MQTT                              the topic channels/NAME
//
// Environment: PORT, MQTT_PORT, and DATABASE_URL; without it nothing is stored.
import { createServer } from 'node:net';

import { Aedes } from 'aedes';
import Fastify from 'fastify';
import pg from 'pg';
import { WebSocket, WebSocketServer } from 'ws';

const HOST = '127.0.0.1';
const PING_INTERVAL_MS = 25_000;

class PostgresStore {
  static async open(url) {
    const pool = new pg.Pool({ connectionString: url, max: 10 });
    await pool.query(`
      CREATE TABLE IF NOT EXISTS messages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        channel text NOT NULL,
        data jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX IF NOT EXISTS messages_by_channel ON messages (channel, id);`);
    return new PostgresStore(pool);
  }

  constructor(pool) {
    this.pool = pool;
  }

  async append(channel, data) {
    const { rows } = await this.pool.query('INSERT INTO messages (channel, data) VALUES ($1, $2) RETURNING id', [
      channel,
      JSON.stringify(data),
    ]);
    return Number(rows[0].id);
  }
}

class NoStore {
  lastId = 0;

  async append() {
    return ++this.lastId;
  }
}

class Channels {
  members = new Map();

  join(name, socket) {
    if (!this.members.has(name)) this.members.set(name, new Set());
    this.members.get(name).add(socket);
  }

  leave(name, socket) {
    const sockets = this.members.get(name);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.members.delete(name);
  }

  push(name, text) {
    for (const socket of this.members.get(name) ?? []) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    }
  }
}

const store = process.env.DATABASE_URL ? await PostgresStore.open(process.env.DATABASE_URL) : new NoStore();
const channels = new Channels();
const broker = await Aedes.createBroker();
const app = Fastify();

const schema = { body: { type: 'object', required: ['data'], properties: { data: {} } } };

app.post('/channels/:channel', { schema }, async (request, reply) => {
  const { channel } = request.params;
  const { data } = request.body;
  const id = await store.append(channel, data);
  channels.push(channel, JSON.stringify({ action: 'event', options: { channel, id }, payload: { data } }));
  broker.publish({ topic: `channels/${channel}`, payload: JSON.stringify(data), qos: 0, retain: false }, () => {});
  reply.code(201);
  return { id };
});

function handle(socket, joined, raw) {
  let frame;
  try {
    frame = JSON.parse(raw);
  } catch {
    return;
  }
  const channel = frame?.options?.channel;
  if (typeof channel !== 'string') return;
  if (frame.action === 'join') {
    channels.join(channel, socket);
    joined.add(channel);
    socket.send(JSON.stringify({ action: 'join', options: { channel } }));
  } else if (frame.action === 'leave') {
    channels.leave(channel, socket);
    joined.delete(channel);
  }
}

const sockets = new WebSocketServer({ server: app.server, path: '/rt', perMessageDeflate: false });

sockets.on('connection', (socket) => {
  const joined = new Set();
  socket.alive = true;
  socket.on('message', (raw) => handle(socket, joined, raw));
  socket.on('pong', () => { socket.alive = true; });
  socket.on('error', (error) => app.log.warn(error));
  socket.on('close', () => joined.forEach((channel) => channels.leave(channel, socket)));
});

setInterval(() => {
  for (const socket of sockets.clients) {
    if (!socket.alive) {
      socket.terminate();
      continue;
    }
    socket.alive = false;
    socket.ping();
  }
}, PING_INTERVAL_MS).unref();

createServer(broker.handle).listen(Number(process.env.MQTT_PORT ?? 1883), HOST);
await app.listen({ port: Number(process.env.PORT ?? 8080), host: HOST });

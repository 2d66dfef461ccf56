// One subscriber through mqtt.js, over TCP or WebSocket.
//   node mqttjs_client.mjs --url mqtt://127.0.0.1:1883|ws://127.0.0.1:8080/mqtt --version 4|5 --topic t [--qos 1]
//     [--aliases 10]: how many topic aliases it takes
//     [--session id]: the session of that client id outlives it; the topic `-` subscribes to nothing
// stdout: {"subscribed":[…]} once the SUBACK is there, then {"message":{"topic","payload","qos","retain",
// "properties"}} per message, {"closed":true} when the connection is lost.
// stdin: {"do":"publish","topic","payload","qos","retain"} → {"published":topic}. The end of stdin ends the program.
import mqtt from 'mqtt';
import readline from 'node:readline';
import read_options from './options.cjs';

const options = read_options();
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const session = options.session && {
  clientId: options.session,
  clean: false,
  ...(options.version === '5' && { properties: { sessionExpiryInterval: 3600 } }),
};
const client = mqtt.connect(options.url, {
  protocolVersion: Number(options.version),
  reconnectPeriod: 0,
  connectTimeout: 5000,
  ...(options.aliases && { properties: { topicAliasMaximum: Number(options.aliases) } }),
  ...session,
});
client.on('message', (topic, payload, packet) => {
  const { qos, retain, properties } = packet;
  print({ message: { topic, payload: payload.toString(), qos, retain, properties: properties ?? {} } });
});
client.on('close', () => print({ closed: true }));
// Only now: what a session has kept comes right behind the CONNACK.
await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
const subscribed = options.topic === '-' ? [] : await client.subscribeAsync(options.topic, { qos: Number(options.qos ?? 0) });
print({ subscribed });

const input = readline.createInterface({ input: process.stdin });
input.on('line', async (line) => {
  const { topic, payload, qos = 0, retain = false } = JSON.parse(line);
  await client.publishAsync(topic, payload, { qos, retain });
  print({ published: topic });
});
input.on('close', () => client.end(true, () => process.exit(0)));

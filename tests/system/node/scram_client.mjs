// A client of mqtt.js that shows its password by SCRAM-SHA-256 (RFC 7677), over MQTT 5.0.
//   node scram_client.mjs --url mqtt://127.0.0.1:1883 --user ada --password secret [--final TEXT]
// --final: sends this client-final-message whatever the challenge is.
// stdout: {"final":text} for each client-final-message, {"connected":…} or {"reauthenticated":…} with whether the server
// has shown that it knows the password too, {"refused":code} of a CONNACK, {"disconnected":code} of a DISCONNECT,
// {"published":reason code}. stdin: {"do":"reauthenticate","password"} and {"do":"publish","topic","payload"}.
import crypto from 'node:crypto';
import readline from 'node:readline';
import mqtt from 'mqtt';
import read_options from './options.cjs';

const options = read_options();
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const method = 'SCRAM-SHA-256';
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();
const bytes_of = (text) => Buffer.from(text, 'utf8');

class Exchange {
  constructor(password) {
    this.password = password;
    this.bare = `n=${options.user},r=${crypto.randomBytes(18).toString('base64')}`;
    this.first = `n,,${this.bare}`;
  }

  last(challenge) {
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge);
    const salted = crypto.pbkdf2Sync(this.password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
    const without_proof = `c=biws,r=${nonce}`;
    const message = `${this.bare},${challenge},${without_proof}`;
    const key = hmac(salted, 'Client Key');
    const signature = hmac(sha256(key), message);
    const proof = Buffer.from(key.map((byte, i) => byte ^ signature[i])).toString('base64');
    this.expected = `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`;
    return options.final ?? `${without_proof},p=${proof}`;
  }

  accepts(server_final) {
    return server_final?.toString() === this.expected;
  }
}

let exchange = new Exchange(options.password);
const client = mqtt.connect(options.url, {
  protocolVersion: 5,
  clientId: options.id ?? options.user,
  reconnectPeriod: 0,
  connectTimeout: 5000,
  manualConnect: true,
  properties: { authenticationMethod: method, authenticationData: bytes_of(exchange.first) },
});
client.handleAuth = (packet, answer) => {
  const data = packet.properties.authenticationData;
  if (packet.reasonCode === 0) {
    print({ reauthenticated: exchange.accepts(data) });
    return answer(null);
  }
  const final = exchange.last(data.toString());
  print({ final });
  const properties = { authenticationMethod: method, authenticationData: bytes_of(final) };
  return answer(null, { cmd: 'auth', reasonCode: 0x18, properties });
};
client.on('connect', (connack) => print({ connected: exchange.accepts(connack.properties.authenticationData) }));
client.on('error', (error) => print({ refused: error.code }));
client.on('disconnect', (packet) => print({ disconnected: packet.reasonCode }));
client.connect();

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    if (command.do === 'publish') {
      client.publish(command.topic, command.payload, { qos: 1 }, (error, packet) =>
        print({ published: error?.code ?? packet?.reasonCode ?? 0 }));
      return;
    }
    exchange = new Exchange(command.password);
    const properties = { authenticationMethod: method, authenticationData: bytes_of(exchange.first) };
    client['_sendPacket']({ cmd: 'auth', reasonCode: 0x19, properties });
  })
  .on('close', () => client.end(true, () => process.exit(0)));

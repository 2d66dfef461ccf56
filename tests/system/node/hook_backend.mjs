// A backend for hooks, which does what the last level of the channel's name says.
//   node hook_backend.mjs --secret text
// stdout: {"port":n} first; {"question":{…},"signed":true,"connection":n} for each question as it comes.
// The end of stdin ends the program.
import { createHmac } from 'node:crypto';
import http from 'node:http';
import readOptions from './options.cjs';

const { secret } = readOptions();
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const answers = {
  allow: (answer) => answer.writeHead(204).end(),
  deny: (answer) => answer.end('{"allow":false,"reason":"the test says no"}'),
  mute: (answer, { action }) =>
    answer.end(action === 'join' ? '' : '{"allow":false,"reason":"the test says no"}'),
  forbidden: (answer) => answer.writeHead(403).end('{"reason":"the test forbids it"}'),
  replace: (answer, { payload, action }) =>
    answer.end(action === 'join' ? '{"allow":true}' : JSON.stringify({ payload: { was: payload } })),
  broken: (answer) => answer.writeHead(500).end(),
  moved: (answer) => answer.writeHead(302, { location: '/allow' }).end(),
  silent: (answer, { action }) => action === 'join' && answer.end(),
  random: (answer, { action }) => setTimeout(() => answer.end(), action === 'join' ? 0 : Math.random() * 20),
};

let connections = 0;
const server = http.createServer((request, answer) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    const question = JSON.parse(body);
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    const signed = request.method === 'POST' && request.headers['millrace-signature'] === signature;
    print({ question, signed, connection: request.socket.number });
    answers[question.channel.split('/').pop()](answer, question);
  });
});
server.on('connection', (socket) => { socket.number = ++connections; });
server.listen(0, '127.0.0.1', () => print({ port: server.address().port }));
process.stdin.on('end', () => process.exit()).resume();

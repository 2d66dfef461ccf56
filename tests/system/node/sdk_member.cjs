// What a member does with the SDK, in Node and in a page alike: sdk_member(sdk, options, print) opens its channels
// and gives the commands it can be told. `options` are those of sdk_client.cjs.
// print() gets one object at a time: {"frame":…} for what the handler of on() got, {"error":…} for what onError
// got, {"second":…} and {"second_error":…} for those of the second channel, {"dial":address}, {"opened":subprotocol}
// and {"closed":code} of each connection. --seqs: of events and histories only {"seqs":[…],"history":true or false}.
// --queued n: the messages 1 to n are written while the socket is being opened.
// Commands, each about the second channel if it has "second":true:
//   {"do":"message","payload":…,"options":{…}}, {"do":"history"}, {"do":"destroy"},
//   {"do":"private","socketId","payload"} and {"do":"member_history","socketId"}, to a member of the roster,
//   {"do":"presence"}, answered with {"presence":[…]}, {"do":"token","token"}, which changes it and reconnects,
//   {"do":"not_text"}, answered with how many of all frames were no text, {"do":"wait","ms"}, answered with
//   {"waited":ms}, and in Node {"do":"cut"}, which cuts the connection.
'use strict';

globalThis.sdk_member = function sdk_member(sdk, options, print) {
  const at_home = options.url.startsWith('https:');
  let socket = null;
  let not_text = 0;
  globalThis.WebSocket = class extends globalThis.WebSocket {
    constructor(address, protocols) {
      super(at_home ? address : address.replace(/^wss:\/\/[^/]+/, options.url), protocols);
      socket = this;
      print({ dial: address });
      this.addEventListener('open', () => print({ opened: this.protocol }));
      this.addEventListener('message', ({ data }) => { not_text += typeof data === 'string' ? 0 : 1; });
      this.addEventListener('error', ({ message }) => print({ dial_error: message }));
      this.addEventListener('close', ({ code }) => print({ closed: code }));
    }
  };

  const client = new sdk.XanoClient({
    instanceBaseUrl: at_home ? options.url : 'https://realtime.example.com/',
    realtimeConnectionHash: options.key,
    realtimeAuthToken: options.token,
    storage: new sdk.XanoObjectStorage(),
  });
  const wishes = {
    history: Boolean(options.history),
    presence: Boolean(options.presence),
    queueOfflineActions: Boolean(options.queued),
  };
  const channel = client.channel(options.channel, wishes);
  const second = options.second && client.channel(options.second, wishes);
  const about = (command) => (command.second ? second : channel);
  const member = (command) => about(command).getPresence().find(({ socketId }) => socketId === command.socketId);

  const plain = ({ action, client: who, options: where, payload }) => ({ action, client: who, options: where, payload });
  function tell(frame) {
    const { action, payload, options: where } = frame;
    if (!options.seqs) return print({ frame: plain(frame) });
    if (action === 'event') print({ seqs: [where.seq], history: false });
    if (action === 'history') print({ seqs: payload.history.map((record) => record.options.seq), history: true });
  }
  channel.on(tell, (frame) => print({ error: plain(frame) }));
  if (second) second.on((frame) => print({ second: plain(frame) }), (frame) => print({ second_error: plain(frame) }));
  for (let number = 1; number <= Number(options.queued ?? 0); number++) channel.message(number);

  return {
    message: (command) => about(command).message(command.payload, command.options),
    history: (command) => about(command).history(),
    destroy: (command) => about(command).destroy(),
    private: (command) => member(command).message(command.payload),
    member_history: (command) => member(command).history(),
    presence: (command) => print({
      presence: about(command).getPresence().map(({ socketId, extras, permissions }) => ({ socketId, extras, permissions })),
    }),
    token: ({ token }) => {
      client.setRealtimeAuthToken(token);
      client.realtimeReconnect();
    },
    not_text: () => print({ not_text }),
    wait: ({ ms }) => setTimeout(() => print({ waited: ms }), ms),
    cut: () => socket.terminate(),
  };
};

if (typeof module !== 'undefined') module.exports = globalThis.sdk_member;

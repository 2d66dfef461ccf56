// The published SDK always dials wss://<host>:443. This leads its connections to where this page came from.
window.WebSocket = class extends window.WebSocket {
  constructor(address, protocols) {
    const here = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;
    super(String(address).replace(/^wss:\/\/[^/]+(?=\/rt\/)/, here), protocols ?? []);
  }
};

// The chat room of the manual: the page sends to the server, the server stores and then tells everybody.
// ?name= is who speaks; ?key= is the server's realtime.key, when that is not "default".
const room = 'marvel_chat_room';
const query = new URLSearchParams(location.search);
const heroes = ['Hulk', 'Thor', 'Wasp', 'Falcon', 'Storm', 'Vision'];
const name = query.get('name') || heroes[Math.floor(Math.random() * heroes.length)];
const byId = (id) => document.getElementById(id);

const xano = new XanoClient({
  instanceBaseUrl: `${location.origin}/`,
  realtimeConnectionCanonical: query.get('key') || 'default',
});

const shown = new Set();
let ownSocketId = '';

function showError(text) {
  byId('error').textContent = text;
  byId('error').hidden = text === '';
}

function sendMessageToRealtime(channel, message) {
  return fetch('/v1/publish', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      channel: channel,
      message: message
    })
  }).then(async (response) => {
    if (response.ok) return;
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail || problem.title || `The server answered ${response.status}.`);
  });
}

// What a backend publishes is an event and comes in payload.data; what another client writes is a message.
function showMessage(frame) {
  const { id, at } = frame.options;
  if (id !== undefined && shown.has(id)) return;
  shown.add(id);
  const data = frame.action === 'event' ? frame.payload.data : frame.payload;
  const isChat = data !== null && typeof data === 'object' && 'text' in data;
  const from = isChat && data.name ? String(data.name) : 'Somebody';
  const item = document.createElement('li');
  const heading = item.appendChild(document.createElement('span'));
  heading.className = 'from';
  heading.append(from);
  if (at) {
    const time = heading.appendChild(document.createElement('time'));
    time.dateTime = at;
    time.append(new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
  }
  item.append(isChat ? String(data.text) : JSON.stringify(data));
  item.classList.toggle('me', from === name);
  byId('messages').append(item);
  byId('scroll').scrollTop = byId('scroll').scrollHeight;
}

function showMembers() {
  byId('members').replaceChildren(...channel.getPresence().map((member) => {
    const item = document.createElement('li');
    const isOwn = member.socketId === ownSocketId;
    item.textContent = (member.extras.name || member.socketId.slice(0, 6)) + (isOwn ? ' (you)' : '');
    item.classList.toggle('me', isOwn);
    item.title = member.socketId;
    return item;
  }));
}

function showStatus(status) {
  byId('status').textContent = status;
  byId('status').classList.toggle('connected', status === 'connected');
}

function handle(frame) {
  switch (frame.action) {
    case 'connection_status': return showStatus(frame.payload.status);
    case 'join':
      ownSocketId = frame.options.socketId;
      return showError('');
    case 'history': return frame.payload.history.forEach(showMessage);
    case 'message':
    case 'event': return showMessage(frame);
    case 'presence_full':
    case 'presence_update': return showMembers();
  }
}

byId('name').textContent = name;
byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = event.target.message;
  const text = input.value;
  input.value = '';
  input.focus();
  sendMessageToRealtime(room, { name: name, text: text })
    .then(() => showError(''))
    .catch((error) => {
      input.value = input.value || text;
      showError(`Not sent. ${error.message}`);
    });
});

const channel = xano.channel(room, { history: true, presence: true });
channel.on(handle, (error) => showError(error.payload.message));

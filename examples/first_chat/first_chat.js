// A chat room in one page, as docs/channels.md explains it.
const room = 'marvel_chat_room';
const name = new URLSearchParams(location.search).get('name') || 'Somebody';
const [status, members, messages, form] =
  ['status', 'members', 'messages', 'form'].map((id) => document.getElementById(id));
let ownId = '';

function addItem(list, text, isOwn, title = '') {
  const item = list.appendChild(document.createElement('li'));
  Object.assign(item, { textContent: text, title, className: isOwn ? 'me' : '' });
  item.scrollIntoView({ block: 'nearest' });
}
function showMessage({ action, payload }) {
  const data = action === 'event' ? payload.data : payload;
  addItem(messages, `${data?.name}: ${data?.text}`, data?.name === name);
}

const xano = new XanoClient({ instanceBaseUrl: `${location.origin}/`, realtimeConnectionCanonical: 'default' });
const channel = xano.channel(room, { history: true, presence: true });
channel.on((frame) => {
  if (frame.action === 'connection_status') status.textContent = frame.payload.status;
  if (frame.action === 'join') ownId = frame.options.socketId;
  if (frame.action === 'event' || frame.action === 'message') showMessage(frame);
  if (frame.action === 'history') messages.replaceChildren(), frame.payload.history.forEach(showMessage);
  if (frame.action.startsWith('presence')) {
    members.replaceChildren();
    for (const { socketId: id } of channel.getPresence()) addItem(members, id.slice(0, 6), id === ownId, id);
  }
}, (error) => { status.textContent = error.payload.message; });

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ channel: room, message: { name, text: form.message.value } });
  form.message.value = '';
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch('/v1/publish', { method: 'POST', headers, body });
  if (!answer.ok) status.textContent = (await answer.json()).detail;
});

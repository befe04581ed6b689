// The AI SDK's Chat and useChat. Prints one JSON object.
//
//   node use-chat.mjs <step> <major version> <base URL> <token> <model>
const [step, major, base, token, model] = process.argv.slice(2);
const [{ Chat, useChat }, { DefaultChatTransport }] = await Promise.all(
  major === '6'
    ? [import('@ai-sdk/react'), import('ai')]
    : [import('@ai-sdk/react-7'), import('ai-7')],
);

/** A picture of one pixel. */
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const headers = { authorization: `Bearer ${token}` };

function transport(options = {}) {
  return new DefaultChatTransport({ api: `${base}/api/chat`, headers, body: { model }, ...options });
}

function textOf(message) {
  return (message?.parts ?? [])
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('');
}

// A chat, and all that its last message has been, one after the other.
function chatWith({ api = transport(), ...init } = {}) {
  const finished = [];
  const chat = new Chat({ transport: api, onFinish: (end) => finished.push(end), ...init });
  const seen = [];
  chat['~registerMessagesCallback'](() => {
    const last = chat.messages.at(-1);
    if (last?.role === 'assistant') seen.push(textOf(last));
  });
  return { chat, seen, finished };
}

// Waits until something is the case; the test suite has a deadline for all of it.
async function until(isSo) {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function shown(chat) {
  return {
    id: chat.id,
    status: chat.status,
    error: chat.error?.message ?? null,
    messages: chat.messages.map(({ id, role, metadata = null, ...message }) => ({
      id,
      role,
      metadata,
      text: textOf(message),
      states: message.parts.map(({ type, state = null }) => [type, state]),
    })),
  };
}

const stopAtServer = (id) =>
  fetch(`${base}/api/chat/${encodeURIComponent(id)}/stop`, { method: 'POST', headers });

const steps = {
  async talk() {
    const { chat, seen, finished } = chatWith();
    await chat.sendMessage({ text: 'Hi!' });
    const reasons = finished.map(({ finishReason }) => finishReason);
    await chat.sendMessage({ text: 'And?' });
    return { ...shown(chat), seen, reasons };
  },

  // Another reply, then other versions of messages.
  async again() {
    const { chat } = chatWith();
    await chat.sendMessage({ text: 'One.' });
    await chat.sendMessage({ text: 'Two.' });
    await chat.regenerate();
    const regenerated = shown(chat);
    await chat.sendMessage({ text: 'Three.', messageId: chat.messages[2].id });
    const edited = shown(chat);
    // An earlier one: what followed stays with its old version.
    await chat.sendMessage({ text: 'Four.', messageId: chat.messages[0].id });
    return { regenerated, edited, branched: shown(chat) };
  },

  async stop() {
    const { chat, finished } = chatWith();
    const sent = chat.sendMessage({ text: 'Hi!' });
    await until(() => textOf(chat.messages[1]).includes('b'));
    const answer = await stopAtServer(chat.id);
    await sent;
    return { ...shown(chat), answer: await answer.json(), finished: finished.length };
  },

  // The reply goes on when the tab is closed, until another one is wanted in its place.
  async leave() {
    const { chat } = chatWith();
    const sent = chat.sendMessage({ text: 'Hi!' });
    await until(() => textOf(chat.messages[1]).includes('b'));
    await chat.stop();
    await sent;
    const left = shown(chat);
    await chat.regenerate();
    return { left, regenerated: shown(chat) };
  },

  async resume() {
    const { chat, seen } = chatWith();
    const sent = chat.sendMessage({ text: 'Hi!' });
    await until(() => seen.length > 5);
    const other = chatWith({ id: chat.id, messages: chat.messages.slice(0, 1) });
    await other.chat.resumeStream();
    await sent;
    const resumed = shown(other.chat);
    // There is nothing to resume now, nor in a chat that nothing was said in.
    await other.chat.resumeStream();
    const { chat: fresh } = chatWith({ id: 'never heard of/this one' });
    await fresh.resumeStream();
    return {
      original: shown(chat),
      resumed,
      pieces: other.seen.length,
      later: shown(other.chat),
      fresh: shown(fresh),
    };
  },

  // Before the first word, and then the user's retry button, which is regenerate().
  async refused() {
    const { chat } = chatWith({ api: transport({ body: { model: 'no-such-model' } }) });
    await chat.sendMessage({ text: 'Hi!' });
    const refused = shown(chat);
    await chat.regenerate({ body: { model } });
    return { refused, retried: shown(chat) };
  },

  async broken() {
    const { chat } = chatWith();
    await chat.sendMessage({ text: 'Hi!' });
    return shown(chat);
  },

  // A fetch that tries again when the connection is lost.
  async retry() {
    const twice = async (url, options) => {
      const lost = await fetch(url, options);
      await lost.body.cancel();
      return fetch(url, options);
    };
    const { chat } = chatWith({ api: transport({ fetch: twice }) });
    await chat.sendMessage({ text: 'Hi!' });
    return shown(chat);
  },

  // As the documentation has it where the server keeps the conversation.
  async last() {
    const api = transport({
      prepareSendMessagesRequest: ({ id, messages, body }) => ({
        body: { ...body, id, message: messages.at(-1) },
      }),
    });
    const { chat } = chatWith({ api });
    await chat.sendMessage({ text: 'Hi!' });
    await chat.sendMessage({ text: 'And?' });
    return shown(chat);
  },

  // A file as an input of the app has it, and one that was uploaded before; then another reply.
  async files() {
    const uploaded = await fetch(`${base}/api/v1/files/upload`, {
      method: 'POST',
      headers: { ...headers, 'x-filename': 'notes.md' },
      body: 'Peas.',
    });
    const { file } = await uploaded.json();
    const { chat } = chatWith();
    const files = [
      { type: 'file', mediaType: 'image/png', filename: 'fish.png', url: PIXEL },
      { type: 'file', mediaType: file.mediaType, url: file.url },
    ];
    await chat.sendMessage({ text: 'What is this?', files });
    await chat.regenerate();
    return shown(chat);
  },

  // A file that no model takes.
  async archive() {
    const { chat } = chatWith();
    const url = 'data:application/zip;base64,UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==';
    const files = [{ type: 'file', mediaType: 'application/zip', url }];
    await chat.sendMessage({ text: 'What is this?', files });
    return shown(chat);
  },

  // The hook in a component, as an app has it.
  async hook() {
    const [{ createElement, act }, renderer] = await Promise.all([
      import('react'),
      import('react-test-renderer'),
    ]);
    globalThis.IS_REACT_ACT_ENVIRONMENT = true;
    const rendered = [];
    let helpers;
    function App() {
      helpers = useChat({ id: 'a chat of the hook', transport: transport(), resume: true });
      const text = helpers.messages.map((message) => `${message.role}: ${textOf(message)}`);
      rendered.push(text.join(' / '));
      return createElement('main', { status: helpers.status }, text);
    }
    let tree;
    await act(async () => {
      tree = renderer.default.create(createElement(App));
    });
    await act(async () => {
      await helpers.sendMessage({ text: 'Hi!' });
    });
    const { children, props } = tree.toJSON();
    return { children, status: props.status, rendered };
  },
};

console.log(JSON.stringify(await steps[step]()));
// React's scheduler and kept connections would hold the process.
process.exit(0);

// Anthropic's official library. Prints one JSON object.
//
//   node anthropic.mjs <step> <base URL> <API key> <model>
import Anthropic from '@anthropic-ai/sdk';

const [step, base, apiKey, model] = process.argv.slice(2);
const client = new Anthropic({ baseURL: base.replace(/\/v1$/, ''), apiKey, maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];
const request = { model, max_tokens: 256, messages: user('Hi!') };
const tools = [{ name: 'add', input_schema: { type: 'object', properties: { a: { type: 'number' } } } }];
const thinking = { type: 'enabled', budget_tokens: 1024 };

async function caught(promise) {
  try {
    return { resolved: await promise };
  } catch (error) {
    const { status = null, type = null } = error;
    const kind = error.error?.error?.type ?? null;
    return { name: error.constructor.name, status, type, kind, retryAfter: error.headers?.get('retry-after') ?? null };
  }
}

const steps = {
  async text() {
    const { data, request_id: requestId } = await client.messages.create(request).withResponse();
    return { message: data, requestId };
  },

  async stream() {
    return { message: await client.messages.stream(request).finalMessage() };
  },

  async image() {
    const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };
    const content = [{ type: 'image', source }, { type: 'text', text: 'What is it?' }];
    return { message: await client.messages.create({ ...request, messages: user(content) }) };
  },

  // Two turns: thinking and two calls at once, then their results.
  async tools() {
    const asked = { ...request, tools, thinking };
    const first = await client.messages.stream(asked).finalMessage();
    const calls = first.content.filter((block) => block.type === 'tool_use');
    const results = calls.map((call) => ({ type: 'tool_result', tool_use_id: call.id, content: String(call.input.a) }));
    const said = { role: 'assistant', content: first.content };
    const messages = [...request.messages, said, ...user(results)];
    const second = await client.messages.stream({ ...asked, messages }).finalMessage();
    return { first, second };
  },

  async schema() {
    const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    const format = { type: 'json_schema', schema };
    const message = await client.messages.create({ ...request, output_config: { format } });
    return { value: JSON.parse(message.content[0].text) };
  },

  async count() {
    const { messages } = request;
    return client.messages.countTokens({ model, messages });
  },

  async models() {
    const ids = [];
    for await (const listed of client.models.list()) ids.push(listed.id);
    return { ids };
  },

  async limited() {
    return caught(client.messages.create(request));
  },

  async broken() {
    let text = '';
    const stream = client.messages.stream(request).on('text', (delta) => (text += delta));
    return { ...(await caught(stream.finalMessage())), text };
  },

  async abort() {
    let text = '';
    const stream = client.messages.stream(request);
    stream.on('text', (delta) => {
      text += delta;
      stream.abort();
    });
    await caught(stream.finalMessage());
    return { text };
  },
};

console.log(JSON.stringify(await steps[step]()));

// OpenAI's official library: Responses and Embeddings. Prints one JSON object.
//
//   node responses.mjs <step> <base URL> <API key> <model>
import OpenAI from 'openai';

const [step, baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const request = { model, input: 'Hi!' };
const parameters = { type: 'object', properties: { a: { type: 'number' } } };
const tools = [{ type: 'function', name: 'add', parameters, strict: false }];

async function caught(promise) {
  try {
    return { resolved: await promise };
  } catch (error) {
    const { status = null, code = null, message } = error;
    const retryAfter = error.headers?.get('retry-after') ?? null;
    return { name: error.constructor.name, status, code, message, retryAfter };
  }
}

const steps = {
  async text() {
    return { response: await client.responses.create(request) };
  },

  async stream() {
    return { response: await client.responses.stream(request).finalResponse() };
  },

  async image() {
    const content = [
      { type: 'input_text', text: 'What is it?' },
      { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' },
    ];
    return { response: await client.responses.create({ model, input: [{ role: 'user', content }] }) };
  },

  // Two turns: reasoning and two calls at once, then their outputs.
  async tools() {
    const asked = { ...request, tools, store: false, include: ['reasoning.encrypted_content'] };
    const first = await client.responses.stream(asked).finalResponse();
    const calls = first.output.filter((item) => item.type === 'function_call');
    const outputs = calls.map((call) => ({
      type: 'function_call_output',
      call_id: call.call_id,
      output: String(JSON.parse(call.arguments).a),
    }));
    const items = first.output.map(({ parsed_arguments, ...item }) => item);
    const input = [{ role: 'user', content: 'Hi!' }, ...items, ...outputs];
    const second = await client.responses.stream({ ...asked, input }).finalResponse();
    return { first, second };
  },

  async schema() {
    const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    const format = { type: 'json_schema', name: 'animal', schema };
    const response = await client.responses.parse({ ...request, text: { format } });
    return { value: response.output_parsed };
  },

  async limited() {
    return caught(client.responses.create(request));
  },

  async broken() {
    let text = '';
    let last = null;
    const read = async () => {
      for await (const event of await client.responses.create({ ...request, stream: true })) {
        last = event.type;
        if (event.type === 'response.output_text.delta') text += event.delta;
      }
    };
    return { ...(await caught(read())), text, last };
  },

  async abort() {
    let text = '';
    const stream = await client.responses.create({ ...request, stream: true });
    for await (const event of stream) {
      if (event.type !== 'response.output_text.delta') continue;
      text += event.delta;
      stream.controller.abort();
    }
    return { text };
  },

  // Without a format the library asks for base64 and decodes it.
  async embeddings() {
    const list = await client.embeddings.create({ model: 'demo', input: ['red fish', 'Fish, red!'], dimensions: 8 });
    return { vectors: list.data.map((item) => Array.from(item.embedding)), usage: list.usage };
  },
};

console.log(JSON.stringify(await steps[step]()));

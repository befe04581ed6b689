// OpenAI's official library. Prints one JSON object.
//
//   node openai.mjs <step> <base URL> <API key> <model>
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const [step, baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: 'user', content: 'Hi!' }];
const add = {
  type: 'function',
  function: {
    name: 'add',
    description: 'Adds two numbers.',
    parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
  },
};

// What an error is to a program that catches it.
async function caught(promise) {
  try {
    return { resolved: await promise };
  } catch (error) {
    const { status = null, code = null, param = null, type = null } = error;
    return { name: error.constructor.name, status, code, param, type };
  }
}

const steps = {
  async chat() {
    const request = client.chat.completions.create({ model, messages, seed: 7, stop: ['END'] });
    const { data, response, request_id: requestId } = await request.withResponse();
    return { ...data, requestId, provider: response.headers.get('x-goldfish-provider') };
  },

  async stream() {
    const options = { include_usage: true };
    const request = { model, messages, stream: true, stream_options: options };
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(request)) chunks.push(chunk);
    return { chunks };
  },

  // Calls the tool that the model asks for, and sends its result.
  async tools() {
    const added = [];
    const run = ({ a, b }) => {
      added.push([a, b]);
      return String(a + b);
    };
    const tool = { type: 'function', function: { ...add.function, function: run, parse: JSON.parse } };
    const runner = client.chat.completions.runTools({ model, messages, tools: [tool] });
    return { content: await runner.finalContent(), added };
  },

  async streamedTools() {
    const stream = client.chat.completions.stream({ model, messages, tools: [add] });
    const completion = await stream.finalChatCompletion();
    return completion.choices[0];
  },

  async parse() {
    const schema = z.object({ name: z.string(), legs: z.number() });
    const format = zodResponseFormat(schema, 'animal');
    const completion = await client.chat.completions.parse({ model, messages, response_format: format });
    return completion.choices[0].message.parsed;
  },

  async models() {
    const ids = [];
    for await (const listed of client.models.list()) ids.push(listed.id);
    return { ids, retrieved: await client.models.retrieve(model) };
  },

  async errors() {
    const create = (changes, options) =>
      caught(client.chat.completions.create({ model, messages, ...changes }, options));
    return {
      model: await create({ model: 'gpt-0' }),
      temperature: await create({ temperature: 9 }),
      message: await create({ messages: [{ role: 'king', content: 'Hi' }] }),
      n: await create({ n: 2 }),
      key: await create({}, { headers: { authorization: 'Bearer nonsense' } }),
      retrieve: await caught(client.models.retrieve('gpt-0')),
    };
  },

  // The provider fails while it speaks.
  async broken() {
    let text = '';
    const read = async () => {
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    };
    return { ...(await caught(read())), text };
  },

  // Leaves in the middle of an answer that would go on.
  async abort() {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (text !== '') stream.controller.abort();
    }
    return { text };
  },
};

console.log(JSON.stringify(await steps[step]()));

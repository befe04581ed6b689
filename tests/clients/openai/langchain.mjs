// LangChain's class for OpenAI. Prints one JSON object.
//
//   node langchain.mjs <step> <base URL> <API key> <model>
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

const [step, baseURL, apiKey, model] = process.argv.slice(2);
const chat = new ChatOpenAI({
  model,
  apiKey,
  configuration: { baseURL },
  maxRetries: 0,
  useResponsesApi: false,
});
const add = tool(({ a, b }) => String(a + b), {
  name: 'add',
  description: 'Adds two numbers.',
  schema: z.object({ a: z.number(), b: z.number() }),
});

const steps = {
  async invoke() {
    const message = await chat.invoke('Hi!');
    return { content: message.content, usage: message.usage_metadata };
  },

  async stream() {
    let whole;
    for await (const chunk of await chat.stream('Hi!')) whole = whole?.concat(chunk) ?? chunk;
    return { content: whole.content, usage: whole.usage_metadata };
  },

  // Calls the tool that the model asks for, and sends its result.
  async tools() {
    const messages = [new HumanMessage('What is 1 + 2?')];
    const asked = await chat.bindTools([add]).invoke(messages);
    const [call] = asked.tool_calls;
    const result = await add.invoke(call.args);
    messages.push(asked, new ToolMessage({ tool_call_id: call.id, content: result }));
    const message = await chat.bindTools([add]).invoke(messages);
    return { call: { name: call.name, args: call.args }, result, content: message.content };
  },

  async errors() {
    try {
      return { resolved: await chat.invoke('Hi!') };
    } catch (error) {
      return { status: error.status ?? null, code: error.code ?? null };
    }
  },

  // Leaves in the middle of an answer that would go on.
  async abort() {
    const controller = new AbortController();
    let text = '';
    try {
      for await (const chunk of await chat.stream('Hi!', { signal: controller.signal })) {
        text += chunk.content;
        if (text !== '') controller.abort();
      }
    } catch {
      // It says that it was aborted, as it should.
    }
    return { text };
  },
};

console.log(JSON.stringify(await steps[step]()));

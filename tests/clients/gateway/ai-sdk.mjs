// The AI SDK's providers of OpenAI (Responses), Anthropic and OpenAI-compatible servers. Prints one JSON
// object.
//
//   node ai-sdk.mjs <step> <base URL> <API key> <model> <provider>
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const [step, baseURL, apiKey, id, provider] = process.argv.slice(2);
const models = {
  openai: () => createOpenAI({ baseURL, apiKey }).responses(id),
  anthropic: () => createAnthropic({ baseURL, apiKey })(id),
  compatible: () => createOpenAICompatible({ name: 'goldfish', baseURL, apiKey })(id),
};
// Nothing is stored: the provider must send the items themselves.
const providerOptions = { openai: { store: false } };
globalThis.AI_SDK_LOG_WARNINGS = false;
const settings = { providerOptions, model: models[provider](), maxRetries: 0, prompt: 'Hi!' };

const steps = {
  async text() {
    const { text, usage, finishReason } = await generateText(settings);
    return { text, usage, finishReason };
  },

  async stream() {
    const result = streamText(settings);
    let text = '';
    for await (const delta of result.textStream) text += delta;
    return { text, finishReason: await result.finishReason };
  },

  // Two calls at once, then an answer.
  async tools() {
    const called = [];
    const inputSchema = jsonSchema({ type: 'object', properties: { a: { type: 'number' } } });
    const execute = ({ a }) => {
      called.push(a);
      return String(a);
    };
    const tools = { add: tool({ description: 'Adds.', inputSchema, execute }) };
    const result = streamText({ ...settings, tools, stopWhen: stepCountIs(3) });
    let reasoning = '';
    for await (const part of result.fullStream) {
      if (part.type === 'reasoning-delta') reasoning += part.text;
    }
    return { text: await result.text, called, reasoning };
  },
};

console.log(JSON.stringify(await steps[step]()));

// The HTTP API: requests with the session's cookie, and what can go wrong with them.

export type Role = 'user' | 'assistant';
export type Status = 'complete' | 'streaming' | 'stopped' | 'incomplete';

export interface Message {
  id: string;
  role: Role;
  content: string;
  status: Status;
  model?: string;
}

export interface Summary {
  id: string;
  title: string;
  model: string;
  messageCount: number;
  updatedAt: number;
}

export interface History {
  conversations: Summary[];
  maxConversations: number;
}

export interface Conversation {
  id: string;
  title: string;
  model: string;
  messages: Message[];
  updatedAt: number;
}

export interface Model {
  id: string;
  name: string;
  provider: string;
  available: boolean;
}

export interface Preferences {
  defaultModel: string;
  theme: 'light' | 'dark';
}

export interface User {
  id: string;
  email: string;
  name: string;
  isAnonymous: boolean;
}

/** Why a request has no good answer, in words for the person who asked. */
export class Failure extends Error {
  constructor(
    /** The HTTP status; 0 if there was no answer at all. */
    readonly status: number,
    readonly code: string,
    sentence: string,
    /** When trying again makes sense, in milliseconds since the epoch, where that is known. */
    readonly retryAt: number | null = null,
    /** The conversation in which the message is stored nevertheless. */
    readonly storedIn: string | null = null,
  ) {
    super(sentence);
  }
}

/** What the server says of an error; also within a reply that has begun. */
export interface ErrorBody {
  error?: unknown;
  code?: unknown;
}

export interface Options {
  body?: unknown;
  headers?: Record<string, string>;
}

/** Asks, and gives the answer if it is a good one. Throws a `Failure` otherwise. */
export async function ask(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const init: RequestInit = { method, headers };
  if (options.body !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(options.body);
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw unreachable();
  }
  if (!response.ok) throw await refused(response);
  return response;
}

/** The same for an answer in JSON. */
export async function askJson<T>(method: string, path: string, options?: Options): Promise<T> {
  const response = await ask(method, path, options);
  try {
    return (await response.json()) as T;
  } catch {
    throw unreachable();
  }
}

export function unreachable(): Failure {
  const sentence = navigator.onLine
    ? 'The server cannot be reached.'
    : 'You are offline. Check the connection and try again.';
  return new Failure(0, 'UNREACHABLE', sentence);
}

async function refused(response: Response): Promise<Failure> {
  let body: ErrorBody = {};
  try {
    body = (await response.json()) as ErrorBody;
  } catch {
    // A proxy's page, or a cut connection: the status has to do.
  }
  const { code, sentence } = words(response.status, body);
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const retryAt = seconds > 0 ? Date.now() + seconds * 1000 : null;
  return new Failure(response.status, code, sentence, retryAt, response.headers.get('x-conversation-id'));
}

/** Our words for what a person can do something about; else the server's, which are sentences. */
export function words(status: number, body: ErrorBody): { code: string; sentence: string } {
  const code = typeof body?.code === 'string' ? body.code : `HTTP_${status}`;
  const said = typeof body?.error === 'string' ? body.error : `The server answered ${status}.`;
  const own: Record<string, string> = {
    UNAUTHORIZED: 'Your session has ended. Sign in again; what you have typed is kept.',
    RATE_LIMITED: 'That was too fast for the limit here.',
    INSUFFICIENT_CREDITS: `${said} Nothing was sent to a model.`,
    PAYLOAD_TOO_LARGE: 'This message is too long for the server. Shorten it and send it again.',
    CONTENT_BLOCKED: said,
  };
  return { code, sentence: own[code] ?? said };
}

// Requests to the HTTP API, authenticated by the session cookie, and their errors.

import { t } from './texts';

export type Role = 'user' | 'assistant';
export type Status = 'complete' | 'streaming' | 'stopped' | 'incomplete';

/** A file that came with a message. It may be deleted since. */
export interface Attachment {
  id: string;
  name: string;
  mediaType: string;
  /** Bytes. */
  size: number;
  /** Of the content. */
  url: string;
}

export interface Message {
  id: string;
  role: Role;
  content: string;
  /** The files that came with a message of the user, if there are any. */
  attachments?: Attachment[];
  /** Milliseconds since the epoch. */
  timestamp: number;
  status: Status;
  model?: string;
  /** What the model thought before it replied. */
  reasoning?: string;
  /** Why a reply is incomplete. */
  failure?: { code: string; message: string };
  /** All versions, oldest first, if there are several. */
  versions?: { id: string; createdAt: number; status: Status }[];
}

export interface Summary {
  id: string;
  title: string;
  model: string;
  messageCount: number;
  /** The time of the last message. */
  updatedAt: number;
  pinned: boolean;
}

/** A part of the list. */
export interface History {
  conversations: Summary[];
  /** Present if there are more. */
  nextCursor?: string;
  /** 0 if there is no limit. */
  maxConversations: number;
  /** The conversation that a new one deletes; null while there is room. */
  nextEvicted: { id: string; title: string } | null;
}

export interface StoredConversation {
  id: string;
  title: string;
  model: string;
  messages: Message[];
  updatedAt: number;
  pinned: boolean;
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
  systemPrompt?: string;
}

export interface User {
  id: string;
  email: string;
  name: string;
  emailVerified: boolean;
  isAnonymous: boolean;
}

/** A failed request, with a sentence for the user. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 if there was no response. */
    readonly status: number,
    readonly code: string,
    sentence: string,
    /** When a retry makes sense, in milliseconds since the epoch, if known. */
    readonly retryAt: number | null = null,
    /** The conversation in which the message was stored although the request failed. */
    readonly storedIn: string | null = null,
  ) {
    super(sentence);
  }
}

/** The error object of the API; also in the `error` event of a stream. */
export interface ErrorBody {
  error?: unknown;
  code?: unknown;
}

export interface Options {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Sends a request and returns the response. Throws an `ApiError` unless it succeeds. */
export async function request(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const init: RequestInit = { method, headers, signal: options.signal ?? null };
  if (options.body !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(options.body);
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw networkError();
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** The same for a response in JSON. */
export async function requestJson<T>(method: string, path: string, options?: Options): Promise<T> {
  const response = await request(method, path, options);
  try {
    return (await response.json()) as T;
  } catch {
    throw networkError();
  }
}

export function networkError(): ApiError {
  const sentence = navigator.onLine ? t.unreachable : t.offline;
  return new ApiError(0, 'UNREACHABLE', sentence);
}

async function errorOf(response: Response): Promise<ApiError> {
  let body: ErrorBody = {};
  try {
    body = (await response.json()) as ErrorBody;
  } catch {
    // The page of a proxy, or a broken connection: only the status is known.
  }
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const { code, sentence } = describeError(response.status, body, seconds);
  const retryAt = seconds > 0 ? Date.now() + seconds * 1000 : null;
  return new ApiError(response.status, code, sentence, retryAt, response.headers.get('x-conversation-id'));
}

/** The code, and a sentence for the user. */
export function describeError(status: number, body: ErrorBody, seconds = 0): { code: string; sentence: string } {
  const code = typeof body?.code === 'string' ? body.code : `HTTP_${status}`;
  const ofServer = typeof body?.error === 'string' ? body.error : t.status(status);
  return { code, sentence: sentenceOf(code, ofServer, seconds) };
}

/** The page's own sentence for an error that the user can solve, otherwise the server's. */
export function sentenceOf(code: string, ofServer: string, seconds = 0): string {
  if (code === 'RATE_LIMITED') return t.rateLimited(seconds);
  if (code === 'INSUFFICIENT_CREDITS') return `${ofServer} ${t.notCharged}`;
  return t.errors[code] ?? ofServer;
}

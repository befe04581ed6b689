import type { components } from './schema.js';

type Problem = components['schemas']['Error'];

/**
 * What the backend's errors are called, and two of our own: `CONNECTION_FAILED` where no answer came,
 * `UNEXPECTED_ANSWER` where one came that is not of a goldfish, such as a proxy's page.
 */
export type ErrorCode = Problem['code'] | 'CONNECTION_FAILED' | 'UNEXPECTED_ANSWER';

/** One wrong part of a request. */
export type ErrorDetail = components['schemas']['Detail'];

interface About {
  status: number;
  code: ErrorCode;
  requestId?: string | undefined;
  details?: readonly ErrorDetail[] | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** Every error of this library, except that an aborted request throws its signal's reason. */
export class GoldfishError extends Error {
  override readonly name = 'GoldfishError';
  /** The HTTP status; 0 where no answer came, 200 where a reply broke off after it had begun. */
  readonly status: number;
  /** Stable: what to branch on. */
  readonly code: ErrorCode;
  /** Names the request in the backend's log. */
  readonly requestId: string | undefined;
  /** The wrong parts of the request, of `VALIDATION_ERROR`. */
  readonly details: readonly ErrorDetail[];
  /** Seconds after which to try again, where that is known. */
  readonly retryAfter: number | undefined;

  constructor(message: string, about: About) {
    super(message, { cause: about.cause });
    this.status = about.status;
    this.code = about.code;
    this.requestId = about.requestId;
    this.details = about.details ?? [];
    this.retryAfter = about.retryAfter;
  }

  /** Of an answer that is none of success; reads its body. */
  static async fromResponse(response: Response): Promise<GoldfishError> {
    const requestId = response.headers.get('x-request-id') ?? undefined;
    const about = { status: response.status, requestId, retryAfter: retryAfter(response) };
    const problem: unknown = await response.json().catch(() => undefined);
    return isProblem(problem)
      ? new GoldfishError(problem.error, { ...about, ...said(problem) })
      : new GoldfishError(`Unexpected answer with status ${response.status}`, {
          ...about,
          code: 'UNEXPECTED_ANSWER',
        });
  }

  /** Of the `error` event of a reply. */
  static fromEvent(problem: unknown): GoldfishError {
    return isProblem(problem)
      ? new GoldfishError(problem.error, { status: 200, ...said(problem) })
      : new GoldfishError('The reply broke off.', { status: 200, code: 'UNEXPECTED_ANSWER' });
  }

  static disconnected(cause: unknown): GoldfishError {
    return new GoldfishError('The connection failed.', { status: 0, code: 'CONNECTION_FAILED', cause });
  }
}

/** Seconds of `Retry-After`; the backend sends no dates, and what a proxy sends may be anything. */
export function retryAfter(response: Response): number | undefined {
  const seconds = response.headers.get('retry-after');
  return seconds !== null && /^\d{1,9}$/.test(seconds) ? Number(seconds) : undefined;
}

function said({ code, requestId, details }: Problem): Pick<About, 'code' | 'requestId' | 'details'> {
  return { code, requestId, details };
}

function isProblem(value: unknown): value is Problem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'error' in value &&
    typeof value.error === 'string' &&
    'code' in value &&
    typeof value.code === 'string'
  );
}

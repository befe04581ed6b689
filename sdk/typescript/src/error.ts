import type { components } from './schema.js';

type ErrorBody = components['schemas']['Error'];

/**
 * The codes of the server, and three of this library: `CONNECTION_FAILED` if there was no response,
 * `UNEXPECTED_RESPONSE` if the response is not from goldfish, such as the error page of a proxy, and
 * `INVALID_CALL` if a function was called when it cannot work.
 */
export type ErrorCode = ErrorBody['code'] | 'CONNECTION_FAILED' | 'UNEXPECTED_RESPONSE' | 'INVALID_CALL';

/** One error in a request. */
export type ErrorDetail = components['schemas']['Detail'];

interface ErrorFields {
  status: number;
  code: ErrorCode;
  requestId?: string | undefined;
  details?: readonly ErrorDetail[] | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** The error that this library throws. Only an aborted request throws the reason of its signal. */
export class GoldfishError extends Error {
  override readonly name = 'GoldfishError';
  /** The HTTP status; 0 without a response, 200 if a reply was interrupted after it had begun. */
  readonly status: number;
  /** A stable code for programs. */
  readonly code: ErrorCode;
  /** The id of the request in the log of the server. */
  readonly requestId: string | undefined;
  /** The errors in the request, for `VALIDATION_ERROR`. */
  readonly details: readonly ErrorDetail[];
  /** Seconds to wait before a retry, if known. */
  readonly retryAfter: number | undefined;

  constructor(message: string, fields: ErrorFields) {
    super(message, { cause: fields.cause });
    this.status = fields.status;
    this.code = fields.code;
    this.requestId = fields.requestId;
    this.details = fields.details ?? [];
    this.retryAfter = fields.retryAfter;
  }

  /** The error of a response without success. Reads the body. */
  static async fromResponse(response: Response): Promise<GoldfishError> {
    const requestId = response.headers.get('x-request-id') ?? undefined;
    const fields = { status: response.status, requestId, retryAfter: retryAfter(response) };
    const body: unknown = await response.json().catch(() => undefined);
    return isErrorBody(body)
      ? new GoldfishError(body.error, { ...fields, ...fieldsOf(body) })
      : new GoldfishError(`Unexpected response with status ${response.status}`, {
          ...fields,
          code: 'UNEXPECTED_RESPONSE',
        });
  }

  /** The error of an `error` event. */
  static fromEvent(body: unknown): GoldfishError {
    return isErrorBody(body)
      ? new GoldfishError(body.error, { status: 200, ...fieldsOf(body) })
      : new GoldfishError('The reply was interrupted.', { status: 200, code: 'UNEXPECTED_RESPONSE' });
  }

  static misuse(sentence: string): GoldfishError {
    return new GoldfishError(sentence, { status: 0, code: 'INVALID_CALL' });
  }

  static disconnected(cause: unknown): GoldfishError {
    return new GoldfishError('The connection failed.', { status: 0, code: 'CONNECTION_FAILED', cause });
  }
}

/** The seconds of `Retry-After`. The server sends no dates; anything else comes from a proxy and is ignored. */
export function retryAfter(response: Response): number | undefined {
  const seconds = response.headers.get('retry-after');
  return seconds !== null && /^\d{1,9}$/.test(seconds) ? Number(seconds) : undefined;
}

function fieldsOf({ code, requestId, details }: ErrorBody): Pick<ErrorFields, 'code' | 'requestId' | 'details'> {
  return { code, requestId, details };
}

function isErrorBody(value: unknown): value is ErrorBody {
  return (
    typeof value === 'object' &&
    value !== null &&
    'error' in value &&
    typeof value.error === 'string' &&
    'code' in value &&
    typeof value.code === 'string'
  );
}

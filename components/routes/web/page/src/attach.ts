// Sends a file of the chat to the server.

import { type Attachment, describeError, type ErrorBody, networkError } from './api';
import { ensureUser } from './session';
import { t } from './texts';

/** Sends a file; rejects with a sentence for the user. `fetch` tells nothing of the progress of a request. */
export async function sendFile(file: File, onProgress: (part: number) => void, signal: AbortSignal): Promise<Attachment> {
  await ensureUser();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/v1/files/upload');
    request.responseType = 'json';
    request.setRequestHeader('x-filename', encodeURIComponent(file.name));
    request.setRequestHeader('content-type', file.type || 'application/octet-stream');
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 1);
    request.onload = () => {
      const { status, response } = request;
      const stored = (response as { file?: Attachment } | null)?.file;
      if (status === 201 && stored) resolve(stored);
      else if (status === 413) reject(new Error(t.files.tooLarge));
      else reject(new Error(describeError(status, (response ?? {}) as ErrorBody).sentence));
    };
    request.onerror = () => reject(networkError());
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

import { counted, type Progress, reporting } from './files.js';
import type { components } from './schema.js';
import type { Content, Transport } from './transport.js';

type Schemas = components['schemas'];

/** An uploaded file. */
export type Upload = Schemas['Upload'];
/** The files that were stored, and why others were not. */
export type UploadsAnswer = Schemas['UploadsAnswer'];
export type UploadLimits = Schemas['UploadLimits'];

export interface PictureOptions {
  /** The name of the file. Default: that of the `File`. */
  name?: string;
  /** Called while the file is sent, and at its end. Counts the bytes of the request. */
  onProgress?: (progress: Progress) => void;
  /** Aborts the upload; then nothing is stored. */
  signal?: AbortSignal | undefined;
}

type Single =
  | '/api/uploads/profile/avatar'
  | '/api/uploads/profile/banner'
  | '/api/uploads/channel/icon'
  | '/api/uploads/channel/banner'
  | '/api/uploads/message/image'
  | '/api/uploads/message/attachment';
type Several = '/api/uploads/message/images' | '/api/uploads/message/attachments';

/** Pictures of profiles and channels, and attachments of messages. */
export class Uploads {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What the server accepts. */
  async limits(): Promise<UploadLimits> {
    return (await this.#transport.json('get', '/api/uploads/info')).data;
  }

  avatar(file: Blob, options?: PictureOptions): Promise<Upload> {
    return this.#single('/api/uploads/profile/avatar', file, options);
  }

  profileBanner(file: Blob, options?: PictureOptions): Promise<Upload> {
    return this.#single('/api/uploads/profile/banner', file, options);
  }

  channelIcon(file: Blob, options?: PictureOptions): Promise<Upload> {
    return this.#single('/api/uploads/channel/icon', file, options);
  }

  channelBanner(file: Blob, options?: PictureOptions): Promise<Upload> {
    return this.#single('/api/uploads/channel/banner', file, options);
  }

  messageImage(file: Blob, options?: PictureOptions): Promise<Upload> {
    return this.#single('/api/uploads/message/image', file, options);
  }

  messageAttachment(file: Blob, options?: PictureOptions): Promise<Upload> {
    return this.#single('/api/uploads/message/attachment', file, options);
  }

  /** Up to ten images. Those that are not accepted are in `errors`; if none is, this fails. */
  messageImages(files: readonly Blob[], signal?: AbortSignal): Promise<UploadsAnswer> {
    return this.#several('/api/uploads/message/images', files, signal);
  }

  /** Up to ten files. Those that are not accepted are in `errors`; if none is, this fails. */
  messageAttachments(files: readonly Blob[], signal?: AbortSignal): Promise<UploadsAnswer> {
    return this.#several('/api/uploads/message/attachments', files, signal);
  }

  async #single(path: Single, file: Blob, { name, onProgress, signal }: PictureOptions = {}): Promise<Upload> {
    const content = form('file', [{ file, name }]);
    const isPage = typeof XMLHttpRequest !== 'undefined';
    if (onProgress && !isPage) {
      const body = content.make();
      content.make = () => counted(body as Blob, onProgress);
    }
    const fetch = onProgress && isPage ? { fetch: reporting(onProgress) } : {};
    return (await this.#transport.json('post', path, { content, signal, ...fetch })).data;
  }

  #several(path: Several, files: readonly Blob[], signal: AbortSignal | undefined): Promise<UploadsAnswer> {
    const content = form('files', files.map((file) => ({ file, name: undefined })));
    return this.#transport.json('post', path, { content, signal });
  }
}

/** A form with files (RFC 7578), as one body that can be sent again and whose progress can be counted. */
function form(field: string, files: { file: Blob; name: string | undefined }[]): Content {
  const boundary = `goldfish-${crypto.randomUUID()}`;
  const parts = files.flatMap(({ file, name }): (Blob | string)[] => {
    const given = name ?? ('name' in file ? String(file.name) : 'file');
    // As browsers write it.
    const quoted = given.replace(/["\r\n]/g, (letter) => encodeURIComponent(letter));
    const type = file.type || 'application/octet-stream';
    const head = `content-disposition: form-data; name="${field}"; filename="${quoted}"\r\ncontent-type: ${type}`;
    return [`--${boundary}\r\n${head}\r\n\r\n`, file, '\r\n'];
  });
  const body = new Blob([...parts, `--${boundary}--\r\n`]);
  return { type: `multipart/form-data; boundary=${boundary}`, make: () => body };
}

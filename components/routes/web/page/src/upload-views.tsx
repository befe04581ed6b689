// The button that attaches files, and the list of those that are attached.

import { useRef } from 'preact/hooks';
import { Clip, Close } from './icons';
import { formatNumber, t } from './texts';
import type { Uploads } from './uploads';

export function AttachButton<Stored>({ uploads }: { uploads: Uploads<Stored> }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={t.files.attach}
        onChange={({ currentTarget }) => {
          uploads.add([...(currentTarget.files ?? [])]);
          // The same file can be chosen again.
          currentTarget.value = '';
        }}
      />
      <button
        type="button"
        class="icon-button"
        aria-label={t.files.attach}
        title={t.files.attach}
        onClick={() => input.current?.click()}
      >
        <Clip />
      </button>
    </>
  );
}

export function UploadList<Stored>({ uploads }: { uploads: Uploads<Stored> }) {
  const items = uploads.items.value;
  if (items.length === 0) return null;
  return (
    <ul class="uploads" aria-label={t.files.attachments}>
      {items.map(({ key, name, preview, progress, stored, error }) => (
        <li key={key}>
          {preview && <img src={preview} alt="" width={40} height={40} />}
          <span class="upload-name" dir="auto">
            {name}
          </span>
          {error && <span class="upload-error">{error}</span>}
          {!error && !stored && (
            <progress value={progress} aria-label={t.files.sending(name, formatNumber(progress, { style: 'percent' }))} />
          )}
          <button type="button" class="icon-button" aria-label={t.files.remove(name)} onClick={() => uploads.remove(key)}>
            <Close />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** A file that came with a message. */
export interface SentFile {
  id: string;
  name: string;
  url: string;
  isImage: boolean;
}

/** The files of a message that was sent. The page shows only images of its own origin; everything else is a link. */
export function SentFiles({ files }: { files: SentFile[] }) {
  if (files.length === 0) return null;
  return (
    <ul class="attachments" aria-label={t.files.attachments}>
      {files.map(({ id, name, url, isImage }) => {
        const address = new URL(url, location.href);
        const isOwn = address.origin === location.origin;
        const path = address.pathname + address.search;
        return (
          <li key={id}>
            <a href={isOwn ? path : address.href} target="_blank" rel="noopener noreferrer" dir="auto">
              {isImage && isOwn ? <img src={path} alt={name} loading="lazy" /> : name}
            </a>
          </li>
        );
      })}
    </ul>
  );
}

/** Handlers of a form that takes files that are pasted or dropped. */
export function fileHandlers<Stored>(uploads: Uploads<Stored>) {
  const add = (event: Event, transfer: DataTransfer | null) => {
    const files = [...(transfer?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    uploads.add(files);
  };
  return {
    onPaste: (event: ClipboardEvent) => add(event, event.clipboardData),
    onDrop: (event: DragEvent) => add(event, event.dataTransfer),
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    },
  };
}

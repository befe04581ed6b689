// Files that are attached to a message: chosen, pasted or dropped, and sent to the server at once.

import { signal } from '@preact/signals';
import { announce, notify } from './announce';
import { t } from './texts';

/** Most files of a message. */
export const MAX_FILES = 10;

export interface UploadItem<Stored> {
  key: number;
  name: string;
  /** A URL of the image in this page; null for other files. */
  preview: string | null;
  /** From 0 to 1. */
  progress: number;
  stored: Stored | null;
  error: string | null;
  abort: () => void;
}

/** Sends a file; rejects with a sentence for the user. */
export type Send<Stored> = (file: File, onProgress: (part: number) => void, signal: AbortSignal) => Promise<Stored>;

export class Uploads<Stored> {
  readonly items = signal<UploadItem<Stored>[]>([]);
  #send: Send<Stored>;
  #count = 0;

  constructor(send: Send<Stored>) {
    this.#send = send;
  }

  /** A file is still being sent, or could not be. */
  get isUnfinished(): boolean {
    return this.items.value.some(({ stored }) => stored === null);
  }

  get stored(): Stored[] {
    return this.items.value.flatMap(({ stored }) => (stored === null ? [] : [stored]));
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      if (this.items.value.length >= MAX_FILES) {
        notify(t.files.tooMany(MAX_FILES));
        return;
      }
      void this.#start(file);
    }
  }

  async #start(file: File): Promise<void> {
    const key = (this.#count += 1);
    const controller = new AbortController();
    const preview = /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? URL.createObjectURL(file) : null;
    const item = { key, name: file.name, preview, progress: 0, stored: null, error: null };
    this.items.value = [...this.items.value, { ...item, abort: () => controller.abort() }];
    try {
      const stored = await this.#send(file, (progress) => this.#change(key, { progress }), controller.signal);
      this.#change(key, { stored, progress: 1 });
      announce(t.files.attached(file.name));
    } catch (thrown) {
      if (controller.signal.aborted) return;
      const error = (thrown as Error).message;
      this.#change(key, { error });
      announce(`${file.name}: ${error}`);
    }
  }

  /** Attaches a file that the server has already. */
  addStored(name: string, preview: string | null, stored: Stored): void {
    const key = (this.#count += 1);
    const item = { key, name, preview, progress: 1, stored, error: null, abort: () => {} };
    this.items.value = [...this.items.value, item];
  }

  #change(key: number, changes: Partial<UploadItem<Stored>>): void {
    this.items.value = this.items.value.map((item) => (item.key === key ? { ...item, ...changes } : item));
  }

  remove(key: number): void {
    for (const { preview, abort } of this.items.value.filter((item) => item.key === key)) {
      abort();
      if (preview) URL.revokeObjectURL(preview);
    }
    this.items.value = this.items.value.filter((item) => item.key !== key);
  }

  clear(): void {
    for (const { key } of this.items.value) this.remove(key);
  }
}

// What a part of the page loads from the API when it is shown.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { notify } from './announce';
import { requestJson } from './api';

/** The response to a GET request; null until it is there. `reload` requests it again. */
export function useLoaded<T>(path: string): { value: T | null; reload: () => Promise<void> } {
  const value = useSignal<T | null>(null);
  const reload = async () => {
    try {
      value.value = await requestJson<T>('GET', path);
    } catch (thrown) {
      notify((thrown as Error).message);
    }
  };
  useEffect(() => void reload(), [path]);
  return { value: value.value, reload };
}

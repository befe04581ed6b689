// The title of the browser's tab while the channels are shown.

import { useEffect } from 'preact/hooks';
import { teamTitle } from '../place';

/** The title, as long as the component is shown. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    teamTitle.value = title;
  }, [title]);
}

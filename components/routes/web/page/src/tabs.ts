// Messages between the tabs of one browser.

type TabMessage = 'session' | 'conversations';

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('goldfish') : null;

/** Tells the other tabs what has changed. */
export function notifyTabs(message: TabMessage): void {
  channel?.postMessage(message);
}

export function onTabMessage(handle: (message: TabMessage) => void): void {
  channel?.addEventListener('message', (event: MessageEvent<TabMessage>) => handle(event.data));
}

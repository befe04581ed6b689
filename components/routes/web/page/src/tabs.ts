// Tabs of one browser tell each other what has changed.

type News = 'session' | 'conversations';

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('goldfish') : null;

export function tellTabs(news: News): void {
  channel?.postMessage(news);
}

export function hearTabs(heard: (news: News) => void): void {
  channel?.addEventListener('message', (event: MessageEvent<News>) => heard(event.data));
}

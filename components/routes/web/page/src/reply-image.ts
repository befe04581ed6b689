// The images of a reply that the page may show: files of this server, and images that are in the reply itself.

export interface ImageSource {
  url: string;
  /** Called when the image is no longer shown. */
  release: () => void;
}

const STORED = /^\/api\/v1\/files\/[\w-]+\/content$/;
/** Types that browsers show as images and that have no scripts. */
const DATA = /^data:(image\/(?:png|jpeg|gif|webp));base64,([\w+/=\s]+)$/;

export function imageSource(address: string): ImageSource | null {
  const [, type = '', content] = DATA.exec(address) ?? [];
  if (content) return dataSource(type, content);
  try {
    const { origin, pathname, search } = new URL(address, location.href);
    const isOwn = origin === location.origin && STORED.test(pathname);
    return isOwn ? { url: pathname + search, release: () => {} } : null;
  } catch {
    return null;
  }
}

/** The page's policy allows `blob:`, but no `data:`. */
function dataSource(type: string, content: string): ImageSource | null {
  try {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type }));
    return { url, release: () => URL.revokeObjectURL(url) };
  } catch {
    return null;
  }
}

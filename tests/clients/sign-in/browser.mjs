// As much of a browser as a client library needs: `fetch` on a page of some origin, with cookies.
export class Browser {
  #cookies = new Map();

  constructor(origin) {
    this.origin = origin;
    this.fetch = this.fetch.bind(this);
  }

  async fetch(input, init = {}) {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const headers = new Headers(request.headers);
    const cookies = [...this.#cookies].filter(([, kept]) => pathname.startsWith(kept.path));
    if (cookies.length > 0) {
      headers.set('cookie', cookies.map(([name, kept]) => `${name}=${kept.value}`).join('; '));
    }
    if (!['GET', 'HEAD'].includes(request.method)) headers.set('origin', this.origin);
    const response = await fetch(new Request(request, { headers }), { redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  // Goes where a link leads and stops there: the answer's status and where it leads on.
  async follow(url) {
    const response = await this.fetch(url);
    await response.arrayBuffer();
    return { status: response.status, location: response.headers.get('location') };
  }

  get cookieNames() {
    return [...this.#cookies.keys()].sort();
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const attribute = (wanted) =>
      attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    if (attribute('max-age') === '0') this.#cookies.delete(name);
    else this.#cookies.set(name, { value, path: attribute('path') ?? '/' });
  }
}

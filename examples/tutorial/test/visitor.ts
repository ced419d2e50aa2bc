/**
 * A visitor over plain HTTP, who keeps one cookie as a browser does.
 *
 * @module
 */

/** What a visitor does. Redirects are not followed. */
export interface Visitor {
  /** The `Cookie` header that is sent. */
  cookie: string
  get(path: string, headers?: Record<string, string>): Promise<Response>
  post(
    path: string,
    fields?: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<Response>
  /** Gets a page and gives its text. */
  text(path: string): Promise<string>
}

/** Makes a visitor of a site. */
export function visitorOf(url: string, cookie = ''): Visitor {
  async function send(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(new URL(path, url), {
      ...init,
      redirect: 'manual',
      headers: { ...(visitor.cookie !== '' && { cookie: visitor.cookie }), ...init.headers },
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      visitor.cookie = /max-age=0/i.test(line) ? '' : pair
    }
    return response
  }
  const visitor: Visitor = {
    cookie,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, fields = {}, headers = {}) =>
      send(path, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: { origin: new URL(url).origin, ...headers },
      }),
    text: async (path) => (await visitor.get(path)).text(),
  }
  return visitor
}

/** The text of an element of the panel, with the escapes undone. */
export function panelText(page: string, part: 'cookie' | 'key' | 'file' | 'record'): string {
  const element = new RegExp(`data-panel="${part}"[^>]*>(?:<code>)?([^<]*)<`).exec(page)
  if (element === null) throw new Error(`The panel does not show the ${part}.`)
  return (element[1] ?? '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

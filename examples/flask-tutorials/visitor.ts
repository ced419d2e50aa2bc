/**
 * A visitor for the tests: a browser of a few lines, with its own cookies. It follows no redirect.
 *
 * @module
 */

/** What the visitor sees of a response. */
export interface Page {
  readonly status: number
  readonly body: string
  /** Where a redirect leads. */
  readonly location: string | null
  readonly type: string | null
  readonly vary: string | null
  /** Every `Set-Cookie` header. */
  readonly setCookie: readonly string[]
}

/** One browser. */
export interface Visitor {
  /** By name; tests may change them, as a visitor may. */
  readonly cookies: Map<string, string>
  get(path: string): Promise<Page>
  /** Sends a form. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Page>
  /** Drops the cookies that a browser drops when it is closed: those without an age. */
  closeBrowser(): void
}

/** Makes a visitor of the server at `url`, with or without another one's cookies. */
export function visitor(url: string, from?: Visitor): Visitor {
  const cookies = new Map(from?.cookies)
  const lasting = new Set<string>()

  async function send(path: string, init: RequestInit): Promise<Page> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = cookie === '' ? {} : { cookie }
    const response = await fetch(url + path, { ...init, headers, redirect: 'manual' })
    const setCookie = response.headers.getSetCookie()
    for (const line of setCookie) keep(line)
    return {
      status: response.status,
      body: await response.text(),
      location: response.headers.get('location'),
      type: response.headers.get('content-type'),
      vary: response.headers.get('vary'),
      setCookie,
    }
  }

  function keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const name = pair.slice(0, pair.indexOf('='))
    const age = attributes.find((attribute) => attribute.startsWith('Max-Age='))
    if (age === 'Max-Age=0') cookies.delete(name)
    else cookies.set(name, pair.slice(name.length + 1))
    if (age === undefined) lasting.delete(name)
    else lasting.add(name)
  }

  return {
    cookies,
    get: (path) => send(path, {}),
    post: (path, fields) => send(path, { method: 'POST', body: new URLSearchParams(fields) }),
    closeBrowser() {
      for (const name of cookies.keys()) if (!lasting.has(name)) cookies.delete(name)
    },
  }
}

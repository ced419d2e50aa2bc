/**
 * For tests of applications: the cookie of a user who is logged in, a cookie jar, the state of a browser, and a clock.
 */

import type { LifeCycle } from '../core/scope.ts'
import type { AnySession, Fields, Session } from '../core/session.ts'
import type { InferData } from '../core/sessions.ts'

/**
 * Logs a user in without the application's login page.
 *
 * @param data What the session holds besides.
 * @returns The `Cookie` header for the requests of a test.
 */
export async function loginAs<
  S extends LifeCycle & { load(cookieHeader: null): Promise<AnySession> },
>(sessions: S, user: string, data: DataOf<S> = {}): Promise<string> {
  const session = (await sessions.load(null)) as Session
  session.login(user)
  for (const [key, value] of Object.entries(data)) session.set(key, value)
  const { cookies } = await sessions.commit(session)
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
}

/** The data of typed sessions; anything for others. */
type DataOf<S> = [InferData<S>] extends [never] ? Fields : Partial<InferData<S>>

/** The `Set-Cookie` lines of a response: of `fetch`, of Fastify's `inject`, or of supertest. */
export type SetCookies =
  | { readonly headers: { getSetCookie(): string[] } }
  | { readonly headers: { readonly 'set-cookie'?: string | readonly string[] | undefined } }

/** Keeps the cookies of one site, as a browser does; whatever their path. */
export class CookieJar {
  readonly #cookies = new Map<string, string>()

  /** @param header A `Cookie` header to begin with, such as from {@link loginAs}. */
  constructor(header = '') {
    for (const pair of header.split('; ')) this.#keep(pair)
  }

  /** The `Cookie` header to send. Empty: there are no cookies. */
  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Keeps what a response sets, forgets what it removes, and gives the response back. */
  take<T extends SetCookies>(response: T): T {
    for (const line of linesOf(response)) {
      const [pair = '', ...attributes] = line.split(/;\s*/)
      if (attributes.some(isOver)) this.#cookies.delete(nameOf(pair))
      else this.#keep(pair)
    }
    return response
  }

  /** `fetch` with these cookies. Redirects are not followed, as their cookies would be lost. */
  async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.#cookies.size > 0) headers.set('cookie', this.header)
    return this.take(await fetch(url, { redirect: 'manual', ...init, headers }))
  }

  #keep(pair: string): void {
    const name = nameOf(pair)
    if (name !== '') this.#cookies.set(name, pair.slice(name.length + 1))
  }
}

function nameOf(pair: string): string {
  return pair.slice(0, Math.max(0, pair.indexOf('=')))
}

/** Whether an attribute ends its cookie. */
function isOver(attribute: string): boolean {
  const [, name = '', value = ''] = /^([\w-]+)=(.*)$/.exec(attribute) ?? []
  if (/^max-age$/i.test(name)) return Number(value) <= 0
  return /^expires$/i.test(name) && Date.parse(value) <= Date.now()
}

function linesOf({ headers }: SetCookies): readonly string[] {
  if ('getSetCookie' in headers) return headers.getSetCookie()
  const lines = headers['set-cookie'] ?? []
  return typeof lines === 'string' ? [lines] : lines
}

/** What Playwright's `browser.newContext({ storageState })` takes. */
export interface StorageState {
  readonly cookies: {
    readonly name: string
    readonly value: string
    readonly domain: string
    readonly path: string
    readonly expires: number
    readonly httpOnly: boolean
    readonly secure: boolean
    readonly sameSite: 'Lax'
  }[]
  readonly origins: []
}

/**
 * The state of a browser that has these cookies.
 *
 * @param header A `Cookie` header, such as from {@link loginAs}.
 * @param url Of the site.
 */
export function storageState(header: string, url: string | URL): StorageState {
  const { hostname: domain, protocol } = new URL(url)
  const cookies = header.split('; ').map((pair) => {
    const name = nameOf(pair)
    const secure = protocol === 'https:' || /^__(?:Host|Secure)-/i.test(name)
    const rest = {
      domain,
      path: '/',
      expires: -1,
      httpOnly: true,
      secure,
      sameSite: 'Lax' as const,
    }
    return { name, value: pair.slice(name.length + 1), ...rest }
  })
  return { cookies, origins: [] }
}

/** A clock that stands still until it is moved: `createSessions({ now: clock.now })`. */
export class TestClock {
  /** The time, in ms since the epoch. */
  at: number

  constructor(at: number | Date = Date.now()) {
    this.at = Number(at)
  }

  readonly now = (): number => this.at

  advance(ms: number): void {
    this.at += ms
  }
}

/**
 * What the cases of the adapter suite work with: a handler's view of one request, a running server with its sessions, its
 * store under observation, and a small browser.
 */

import assert from 'node:assert/strict'
import { type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import type { AdapterOptions } from '../core/scope.ts'
import type { Session } from '../core/session.ts'
import type { Eager, Sessions } from '../core/sessions.ts'
import type { MaybePromise, Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import { gate } from './runner.ts'

/** What `createSessions` makes, with or without `eager`. */
export type SuiteSessions = Sessions & Partial<Eager<Session>>

/** The options that the suite gives to `createSessions`. */
export interface SuiteOptions {
  readonly store: Store
  readonly cookie?: { readonly name: string }
  readonly ambient?: boolean
  readonly eager?: boolean
}

/**
 * Responds in the idiom of the framework: `res.redirect`, `c.json`, `reply.send(stream)`. The handler returns the result
 * to the framework.
 */
export interface Reply {
  /** Sets a response header; `set-cookie` is added to earlier ones. Called before the body is given. */
  header(name: string, value: string): void
  json(value: unknown): unknown
  html(text: string): unknown
  /** Responds with 302, as the framework does it. */
  redirect(location: string): unknown
  /** Responds with a status and no body. */
  empty(status: number): unknown
  stream(chunks: AsyncIterable<string>): unknown
}

/** One request, in the same form for every framework. */
export interface Exchange {
  readonly method: string
  /** The path of the URL, without its query. */
  readonly path: string
  /** Resolves to the request's body, read by the parser of the framework. */
  body(): Promise<string>
  /** Calls `sessions.of` with what the framework gives to a handler. */
  session(sessions: SuiteSessions): Promise<Session>
  readonly reply: Reply
  /**
   * Sends a request with the same cookies to the same application, within the process, as `event.fetch` or `mount` do, and
   * resolves to the text of its response. With it `subRequests` is true.
   */
  readonly inner?: (path: string) => Promise<string>
}

/** One request, as the handler of a case sees it. */
export interface Visit extends Omit<Exchange, 'session'> {
  /** Absent: the first of the sessions. */
  session(sessions?: SuiteSessions): Promise<Session>
}

/** Responds to every method and path. An error that it throws is handled by the framework. */
export type ExchangeHandler = (exchange: Exchange) => Promise<unknown>

/** What a case checks: the server, its store and one visitor. */
export interface Kit extends StoreSpy {
  readonly client: Client
  readonly origin: string
  readonly errorsCommit: boolean
  /** The status of a response to which no handler gives a reply. */
  readonly silence: number
  /** Resolves to the number of records. */
  records(): Promise<number>
}

/** How the server of a case differs from others. */
export interface Modes {
  /** Default: one cookie with the default name. For two names, `other` of the handler is the second. */
  readonly cookies?: readonly string[]
  readonly ambient?: boolean
  readonly eager?: boolean
  /** Installs the adapter twice for the same sessions. */
  readonly twice?: boolean
  /** The options of the adapter. */
  readonly adapter?: AdapterOptions
}

/** Starts a server, until the end of the case. The handler is {@link application} by default. */
export type Serve = (
  handler?: (visit: Visit, sessions: SuiteSessions, other: SuiteSessions) => Promise<unknown>,
  modes?: Modes,
) => Promise<Kit>

/** Middleware of Connect's form. */
export type SuiteMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** What a case of middleware works with. */
export interface MiddlewareKit extends StoreSpy {
  readonly middleware: SuiteMiddleware
  readonly sessions: SuiteSessions
  /** Starts a server, until the end of the case. Resolves to its origin. */
  listen(server: Server): Promise<string>
}

/** Cases by name, which begins with a letter and a number. */
export type Cases = Record<string, (serve: Serve) => Promise<void>>

/** The handler of most cases: `/read` responds with the name in the session; other paths write it and respond variously. */
export async function application({ session, path, reply }: Visit): Promise<unknown> {
  const mine = await session()
  if (path === '/read') return reply.json({ name: mine.get('name') ?? null })
  if (path.startsWith('/logout')) {
    mine.destroy()
    if (path === '/logout-fail') throw new Error('thrown by the handler')
    return path === '/logout-503' ? reply.empty(503) : reply.json('bye')
  }
  if (path === '/login') mine.login('ada')
  mine.set('name', 'Ada')
  if (path === '/fail') throw new Error('thrown by the handler')
  if (path === '/login') return reply.redirect('/read')
  if (path === '/html') return reply.html('<p>Ada &amp; co.</p>')
  if (path === '/stream') return reply.stream(lines())
  if (/^\/\d+$/.test(path)) return reply.empty(Number(path.slice(1)))
  return reply.json('welcome')
}

/** The body of `/stream`: 400,000 characters, more than fit into the buffers of a connection. */
async function* lines(): AsyncIterable<string> {
  for (let part = 0; part < 40; part++) yield `welcome ${part}\n`.padStart(10_000, '.')
}

export type StoreSpy = ReturnType<typeof spyOn>

/** Makes a store around another one that records the calls and, as real stores do, can hold writes back or fail. */
export function spyOn(inner: Store) {
  const calls: string[] = []
  const writes: Promise<unknown>[] = []
  const waiting: { readonly last: number; readonly open: () => void }[] = []
  let held: Promise<void> | undefined
  let failing: 'reads' | 'writes' | 'none' = 'none'

  async function call<T>(
    verbs: 'reads' | 'writes',
    operation: string,
    run: () => MaybePromise<T>,
  ): Promise<T> {
    if (verbs === 'writes') await held
    if (failing !== verbs) return run()
    throw new StoreError('The store is down', { operation, outcome: 'not-done', retriable: true })
  }

  function write<T>(operation: string, run: () => MaybePromise<T>): Promise<T> {
    calls.push(operation)
    const done = call('writes', operation, run)
    writes.push(done)
    for (const { last, open } of waiting) if (last === writes.length) open()
    return done
  }

  const store: Store = {
    name: inner.name,
    atomic: inner.atomic,
    ...(inner.resolution !== undefined && { resolution: inner.resolution }),
    ...(inner.list && { list: inner.list.bind(inner) }),
    read(...args) {
      calls.push('read')
      return call('reads', 'read', () => inner.read(...args))
    },
    create: (...args) => write('create', () => inner.create(...args)),
    replace: (...args) => write('replace', () => inner.replace(...args)),
    touch: (...args) => write('touch', () => inner.touch(...args)),
    delete: (...args) => write('delete', () => inner.delete(...args)),
  }
  return {
    store,
    /** The verbs that were called, in order. */
    calls,
    /** Holds back the writes that begin from now on, until the result is called. */
    hold(): () => void {
      const { opened, open } = gate()
      held = opened
      return open
    },
    /** Lets all reads or all writes fail before they do anything. */
    fail(verbs: typeof failing): void {
      failing = verbs
    },
    /** Resolves when `count` writes more have begun. */
    writing(count = 1): Promise<void> {
      const { opened, open } = gate()
      waiting.push({ last: writes.length + count, open })
      return opened
    },
    /** Resolves when no write is under way. */
    async idle(): Promise<void> {
      await Promise.allSettled(writes)
    },
  }
}

export interface ClientResponse {
  readonly status: number
  /** The values of the `Set-Cookie` headers. */
  readonly cookies: readonly string[]
  /** The members of `Vary`, in lower case. */
  readonly vary: readonly string[]
  readonly text: string
  /** Returns the value of a header, several ones joined by `, `; an empty string when it is absent. */
  header(name: string): string
}

/** What a response must have. What is absent here is not checked. */
export interface Expected {
  readonly status?: number
  readonly text?: string
  /** The number of `Set-Cookie` headers. */
  readonly cookies?: number
  /** The members of `Vary`, in lower case, joined by `,`. */
  readonly vary?: string
  readonly cacheControl?: string
  readonly location?: string
}

export interface ClientRequest {
  /** @default 'GET' */
  readonly method?: string
  /** Sent after the server's `100 Continue`, so that its handler is already waiting for it. */
  readonly body?: string
  /** Called when the response headers have arrived, before the body is read. */
  readonly onHeaders?: () => unknown
  /** Ends the connection. */
  readonly signal?: AbortSignal
  /** Request headers; `cookie` takes the place of the jar. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The browser of one visitor: one connection for each request, a cookie jar, and no automatic redirects. */
export class Client {
  readonly #origin: string
  /** Cookies by name. `Secure` cookies are kept over plain http too. */
  readonly jar: Map<string, string>

  /** @param jar The cookies to begin with, which are copied. */
  constructor(origin: string, jar: Iterable<readonly [string, string]> = []) {
    this.#origin = origin
    this.jar = new Map(jar)
  }

  /** Sends a request with the cookies of the jar, and keeps those of the response. Rejects when the connection breaks. */
  async ask(path: string, call: ClientRequest = {}): Promise<ClientResponse> {
    const response = await this.#send(path, call)
    call.onHeaders?.()
    const text = await textOf(response)
    const cookies = response.headers['set-cookie'] ?? []
    for (const line of cookies) this.#keep(line)
    const header = (name: string): string => String(response.headers[name] ?? '')
    const vary =
      header('vary')
        .toLowerCase()
        .match(/[^\s,]+/g) ?? []
    return { status: response.statusCode ?? 0, cookies, vary, text, header }
  }

  /** Sends a request like {@link ask}, and fails unless the response has what is expected. */
  async expect(path: string, expected: Expected, call?: ClientRequest): Promise<ClientResponse> {
    const response = await this.ask(path, call)
    const { status, text, cookies, vary, header } = response
    const [cacheControl, location] = [header('cache-control'), header('location')]
    const all = { status, text, cookies: cookies.length, vary: vary.join(), cacheControl, location }
    const seen = Object.entries(all).filter(([name]) => Object.hasOwn(expected, name))
    assert.deepEqual(Object.fromEntries(seen), expected)
    return response
  }

  #send(
    path: string,
    { method = 'GET', body, signal, headers }: ClientRequest,
  ): Promise<IncomingMessage> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((resolve, reject) => {
      const request = send(new URL(path, this.#origin), {
        agent: false,
        method,
        headers: {
          ...(cookie !== '' && { cookie }),
          ...(body !== undefined && {
            expect: '100-continue',
            'content-type': 'text/plain',
            'content-length': Buffer.byteLength(body),
          }),
          ...headers,
        },
        ...(signal && { signal }),
      })
      request.once('response', resolve).once('error', reject)
      if (body === undefined) request.end()
      else request.once('continue', () => request.end(body)).flushHeaders()
    })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (attributes.includes('Max-Age=0')) this.jar.delete(name)
    else this.jar.set(name, pair.slice(at + 1))
  }
}

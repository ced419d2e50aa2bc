/**
 * What the cases of the adapter suite work with: a handler's view of one request, and a running server with its sessions.
 *
 * @module
 */

import type { LifeCycle } from '../core/scope.ts'
import type { Store } from '../core/store.ts'
import type { Client } from './adapter-client.ts'
import type { SuiteTest } from './runner.ts'
import type { StoreSpy } from './store-spy.ts'

/** What the suite does with a session. */
export interface SuiteSession {
  get(key: string): unknown
  set(key: string, value: unknown): void
  login(user: string): void
  destroy(): void
}

/** What the suite needs of a `Sessions`. */
export interface SuiteSessions extends LifeCycle {
  of(request: object): Promise<SuiteSession>
  current(): Promise<SuiteSession>
  readonly session?: SuiteSession
}

/** The options that the suite gives to `createSessions`. */
export interface SuiteOptions {
  readonly store: Store
  readonly cookie?: { readonly name: string }
  readonly ambient?: boolean
  readonly eager?: boolean
  readonly timeout?: number
}

/** The result of a method of {@link Reply}, which the handler returns to the framework. */
export type Answer = unknown

/** Responds in the idiom of the framework: `res.redirect`, `c.json`, `reply.send(stream)`. */
export interface Reply {
  /** Sets a response header; `set-cookie` is added to earlier ones. Called before the body is given. */
  header(name: string, value: string): void
  json(value: unknown): Answer
  html(text: string): Answer
  /** Responds with 302, as the framework does it. */
  redirect(location: string): Answer
  /** Responds with a status and no body. */
  empty(status: number): Answer
  stream(chunks: AsyncIterable<string>): Answer
}

/** One request, in the same form for every framework. */
export interface Exchange {
  readonly method: string
  /** The path of the URL, without its query. */
  readonly path: string
  /** Resolves to the request's body, read by the parser of the framework. */
  body(): Promise<string>
  /** Calls `sessions.of` with what the framework gives to a handler. Absent: the first of the sessions. */
  session(sessions?: SuiteSessions): Promise<SuiteSession>
  readonly reply: Reply
}

/** Responds to every method and path. An error that it throws is handled by the framework. */
export type ExchangeHandler = (exchange: Exchange) => Promise<Answer>

/** What a case checks: the server, its store and one visitor. */
export interface Kit extends StoreSpy {
  readonly client: Client
  readonly origin: string
  readonly errorsCommit: boolean
  /** Resolves to the number of records. */
  records(): Promise<number>
}

export interface AdapterCase {
  /** Default: one cookie with the default name. For two names, `other` of the handler is the second. */
  readonly cookies?: readonly string[]
  readonly ambient?: boolean
  readonly eager?: boolean
  /** Default: {@link application}. */
  readonly handler?: (
    exchange: Exchange,
    sessions: SuiteSessions,
    other: SuiteSessions,
  ) => Promise<Answer>
  readonly check: (kit: Kit) => Promise<void>
}

/** Cases by name, which begins with a letter and a number. */
export type Cases = Record<string, () => AdapterCase>

/** The handler of most cases: `/read` responds with the name in the session; other paths write it and respond variously. */
export async function application({ session, path, reply }: Exchange): Promise<Answer> {
  const mine = await session()
  if (path === '/read') return reply.json({ name: mine.get('name') ?? null })
  if (path === '/logout') {
    mine.destroy()
    return reply.json('bye')
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

export interface RunningServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly origin: string
  close(): Promise<void>
}

export interface AdapterSuiteOptions {
  /** Registers a case: `test` of vitest, of `node:test` or of another runner. */
  readonly test: SuiteTest
  /** The adapter, for the names of the cases. */
  readonly name: string
  /** Starts a server on 127.0.0.1 with the adapter under test, installed once for each of `sessions`, in front of the handler. */
  readonly start: (
    sessions: readonly SuiteSessions[],
    handler: ExchangeHandler,
  ) => Promise<RunningServer>
  /** `createSessions` of `vial`. */
  readonly createSessions: (options: SuiteOptions) => SuiteSessions
  /** Makes a new store that has `list`, such as `memoryStore`. */
  readonly store: () => Store
  /**
   * Whether the response to a thrown error carries what the handler wrote. False where a framework gives an adapter no
   * response then.
   * @default true
   */
  readonly errorsCommit?: boolean
}

/**
 * What the cases of the adapter suite work with: a handler's view of one request, a running server with its sessions, and
 * its store under observation.
 */

import type { AdapterOptions } from '../core/scope.ts'
import type { Session } from '../core/session.ts'
import type { Eager, Sessions } from '../core/sessions.ts'
import type { MaybePromise, Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import type { Client } from './adapter-client.ts'
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
  /** Resolves to the number of records. */
  records(): Promise<number>
}

/** How the server of a case differs from others. */
export interface Modes {
  /** Default: one cookie with the default name. For two names, `other` of the handler is the second. */
  readonly cookies?: readonly string[]
  readonly ambient?: boolean
  readonly eager?: boolean
  /** The options of the adapter. */
  readonly adapter?: AdapterOptions
}

/** Starts a server, until the end of the case. The handler is {@link application} by default. */
export type Serve = (
  handler?: (visit: Visit, sessions: SuiteSessions, other: SuiteSessions) => Promise<unknown>,
  modes?: Modes,
) => Promise<Kit>

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

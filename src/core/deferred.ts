/**
 * Options that are a function, evaluated at the first use: for frameworks that import a program while they build it, and
 * for runtimes that give bindings with each request.
 *
 * @module
 */

import { ConfigError, StateError } from '../errors.ts'
import { checkOptions } from './assemble.ts'
import type { Commit } from './commit-headers.ts'
import { isRequestBound } from './runtime.ts'
import type { CommitOptions, LifeCycle, OpenOptions, Scope } from './scope.ts'
import type { AnySession } from './session.ts'
import type { SessionLifeCycle } from './session-life-cycle.ts'
import type { RequiredUser } from './sessions.ts'
import type { MaybePromise } from './store.ts'
import type { UserSessions } from './users/index.ts'

/** Options that are evaluated at the first use, at once or in a promise. */
export type Deferred<Options, Env> = (env: Env) => MaybePromise<Options>

/** What stands beside deferred options, as it is needed before they are evaluated. */
export interface DeferredOptions {
  /** Lets `current()` find the session without the request. @default false */
  readonly ambient?: boolean
  /** Loads the session before each handler and offers it as `sessions.session`. @default false */
  readonly eager?: boolean
}

/**
 * Makes a life cycle of options, or one that makes itself at the first use of options that are a function.
 *
 * @throws {ConfigError} When the options cannot work, or something else than a function has a second argument.
 */
export function nowOrLater<Options extends object>(
  owner: string,
  options: Options | Deferred<Options, unknown>,
  beside: DeferredOptions | undefined,
  make: (options: Options) => SessionLifeCycle,
): LifeCycle {
  if (typeof options !== 'function') {
    if (beside === undefined) return make(options)
    throw new ConfigError(
      `${owner} takes a second argument only where the options are a function. Put it into the options.`,
    )
  }
  const added = beside ?? {}
  checkOptions(`The second argument of ${owner}`, added, ['ambient', 'eager'])
  return new DeferredLifeCycle(async (env) => make({ ...(await options(env)), ...added }))
}

/** A life cycle whose options are evaluated at the first use. A failure is not kept: the next use tries again. */
class DeferredLifeCycle implements LifeCycle {
  readonly #make: (env: unknown) => MaybePromise<SessionLifeCycle>
  #made: SessionLifeCycle | undefined
  #making: Promise<SessionLifeCycle> | undefined

  constructor(make: (env: unknown) => MaybePromise<SessionLifeCycle>) {
    this.#make = make
  }

  get session(): AnySession {
    if (this.#made !== undefined) return this.#made.session
    throw new StateError('No request is being served here: `session` works inside a handler.')
  }

  open(header: string | null | undefined, options: OpenOptions): MaybePromise<AnySession> {
    return this.#made?.open(header, options) ?? this.load(header, options)
  }

  commit(session: AnySession, options?: CommitOptions): MaybePromise<Commit> {
    if (this.#made !== undefined) return this.#made.commit(session, options)
    return this.#ready().then((made) => made.commit(session, options))
  }

  begin<T>(request: object, scope: Scope, next: () => T): MaybePromise<T> {
    if (this.#made !== undefined) return this.#made.begin(request, scope, next)
    return this.#ready(scope.env).then((made) => made.begin(request, scope, next))
  }

  async load(header: string | null | undefined, options: OpenOptions = {}): Promise<AnySession> {
    return (await this.#ready(options.env)).load(header, options)
  }

  of(request: object): Promise<AnySession> {
    return this.#made?.of(request) ?? this.#ready().then((made) => made.of(request))
  }

  current(): Promise<AnySession> {
    return this.#made?.current() ?? this.#ready().then((made) => made.current())
  }

  async claim(session: AnySession, key: string): Promise<unknown> {
    return (await this.#ready()).claim(session, key)
  }

  async requireUser(
    request: object,
    options?: RequiredUser,
  ): Promise<{ readonly session: AnySession; readonly user: string }> {
    return (await this.#ready()).requireUser(request, options)
  }

  forUser(user: string): UserSessions {
    if (this.#made !== undefined) return this.#made.forUser(user)
    const sessions = async (): Promise<UserSessions> => (await this.#ready()).forUser(user)
    return {
      list: async (current) => (await sessions()).list(current),
      count: async () => (await sessions()).count(),
      revoke: async (handle) => (await sessions()).revoke(handle),
      revokeOthers: async (session) => (await sessions()).revokeOthers(session),
      revokeAll: async () => (await sessions()).revokeAll(),
    }
  }

  async check(options: { readonly connect?: boolean; readonly env?: unknown } = {}): Promise<void> {
    await (await this.#ready(options.env)).check(options)
  }

  async close(): Promise<void> {
    await (this.#made ?? (await this.#making))?.close()
  }

  #ready(env: unknown = process.env): Promise<SessionLifeCycle> {
    if (this.#made !== undefined) return Promise.resolve(this.#made)
    if (this.#making !== undefined) return this.#making
    const making = this.#evaluate(env)
    // One request must not wait for a promise of another where promises belong to requests.
    if (isRequestBound()) return making
    this.#making = making
    return making.finally(() => {
      this.#making = undefined
    })
  }

  async #evaluate(env: unknown): Promise<SessionLifeCycle> {
    const made = await this.#make(env)
    this.#made ??= made
    return this.#made
  }
}

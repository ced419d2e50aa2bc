/**
 * Sessions for SvelteKit 3.
 *
 * @module
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Commit } from '../core/commit-headers.ts'
import type { AdapterOptions, LifeCycle } from '../core/scope.ts'
import type { AnySession } from '../core/session.ts'
import { FetchScope } from './shared/fetch.ts'

/** What is used of SvelteKit's `RequestEvent`. Its own types need an installed SvelteKit. */
export interface SvelteKitEvent {
  readonly request: Request
  readonly isSubRequest: boolean
  readonly locals: object
  readonly platform?: unknown
  readonly cookies: {
    set(name: string, value: string, attributes: ReturnType<typeof attributesOf>): void
  }
}

/** A session that the browser gets, or a session to read where SvelteKit sent no cookie along. */
class EventScope extends FetchScope {
  readonly #isAnonymous: boolean

  constructor(sessions: LifeCycle, event: SvelteKitEvent, options: AdapterOptions | undefined) {
    super(sessions, event.request, options, Object(event.platform)['env'])
    this.#isAnonymous = isAnonymous(event)
  }

  protected override get headersSent(): boolean {
    return this.#isAnonymous
  }

  protected override get responseEnded(): boolean {
    return this.#isAnonymous
  }
}

/**
 * The `handle` of `src/hooks.server`: gives load functions, actions, endpoints and later handlers of `sequence` their
 * session, `await locals.session` or `await sessions.of(event)`. The session is stored before the response leaves.
 *
 * A request that the server sends to itself by `event.fetch` has the session of the request around it, and the response to
 * that one carries the cookie. Sent with `credentials: 'omit'` it has an empty session, which cannot be written.
 *
 * When the session cannot be stored, `handle` rejects, and SvelteKit calls `handleError`. When a later handler throws,
 * nothing is stored, except with SvelteKit's `redirect`.
 */
export function sessionHandle(
  sessions: LifeCycle & { of(request: object): Promise<AnySession> },
  options?: AdapterOptions,
): <Event extends SvelteKitEvent>(input: {
  readonly event: Event
  readonly resolve: (event: Event) => Response | Promise<Response>
}) => Promise<Response> {
  const running = new AsyncLocalStorage<EventScope>()
  return async ({ event, resolve }) => {
    const { request, locals } = event
    // Of two kinds of session, the first one has the place.
    if (!('session' in locals)) {
      Object.defineProperty(locals, 'session', { get: () => sessions.of(request) })
    }
    const around = event.isSubRequest && !isAnonymous(event) ? running.getStore() : undefined
    const scope = around ?? new EventScope(sessions, event, options)
    const begin = () => sessions.begin(request, scope, () => resolve(event))
    if (around !== undefined) return begin()
    let response: Response
    try {
      response = await running.run(scope, begin)
    } catch (error) {
      // SvelteKit responds to it with the cookies of the event.
      if (isRedirect(error)) setCookies(event, await scope.commit())
      else await scope.abandon()
      throw error
    }
    return scope.settle(response)
  }
}

function isAnonymous({ request, isSubRequest }: SvelteKitEvent): boolean {
  return isSubRequest && request.credentials === 'omit'
}

/** Whether an error is what SvelteKit's `redirect` throws. */
function isRedirect(error: unknown): boolean {
  const { status, location } = Object(error) as { status?: unknown; location?: unknown }
  return typeof location === 'string' && Number(status) >= 300 && Number(status) <= 308
}

function setCookies(event: SvelteKitEvent, { cookies }: Commit): void {
  for (const cookie of cookies) event.cookies.set(cookie.name, cookie.value, attributesOf(cookie))
}

/** SvelteKit would add `SameSite=Lax` where the attribute is absent, and encode the value. */
function attributesOf({ name, value, ...attributes }: Commit['cookies'][number]) {
  return { sameSite: false, ...attributes, encode: (value: string) => value } as const
}

/**
 * Parts for the authors of adapters.
 *
 * @module
 */

import {
  type AdapterOptions,
  type LifeCycle,
  locationOfUrl,
  type RequestLocation,
  Scope,
} from '../core/scope.ts'

export { discardBody, FetchScope, patchHeaders, patchResponse } from './shared/fetch.ts'
export type { NodeResponse } from './shared/headers.ts'
export { answerError, type NodeRequest, NodeScope, noteError } from './shared/node-scope.ts'

/** The options of a scope for a framework that hands out the `Cookie` header. */
export interface CookieScopeOptions extends AdapterOptions {
  /** Gives the absolute URL of the request. Absent: cookies at other domains and paths of it are not removed. */
  readonly url?: () => string
}

/**
 * Makes the scope of a request for a framework that has neither a `Request` nor a Node response.
 *
 * @param cookieHeader Gives the request's `Cookie` header; called when the session is first asked for.
 */
export function cookieScope(
  sessions: LifeCycle,
  cookieHeader: () => string | null | undefined,
  options?: CookieScopeOptions,
): Scope {
  return new CookieScope(sessions, cookieHeader, options)
}

class CookieScope extends Scope {
  protected override readonly cookieHeader: () => string | null | undefined
  readonly #url: (() => string) | undefined

  constructor(
    sessions: LifeCycle,
    cookieHeader: () => string | null | undefined,
    options?: CookieScopeOptions,
  ) {
    super(sessions, options)
    this.cookieHeader = cookieHeader
    this.#url = options?.url
  }

  protected override location(): RequestLocation | undefined {
    return this.#url && locationOfUrl(this.#url())
  }
}

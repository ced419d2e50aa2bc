/**
 * Requests and responses of the Fetch standard: the scope, and the headers of a commit.
 *
 * @module
 */

import { type Commit, mergeHeader } from '../../core/commit-headers.ts'
import { isRequestBound } from '../../core/runtime.ts'
import {
  type AdapterOptions,
  type LifeCycle,
  locationOfUrl,
  type RequestLocation,
  Scope,
} from '../../core/scope.ts'
import type { MaybePromise } from '../../core/store.ts'
import { checkTwins, FAILED, isFailure, isPlainHttp, setsCookie, varies } from './headers.ts'

/** The scope of a request of the Fetch standard. */
export class FetchScope extends Scope {
  readonly #source: Request | { readonly raw: Request }
  readonly #env: unknown
  #response: Response | undefined

  /**
   * @param request The request, or what has it as `raw`, where it may become another one.
   * @param env What the runtime gives a handler besides the request, such as the bindings of a Worker.
   */
  constructor(
    sessions: LifeCycle,
    request: Request | { readonly raw: Request },
    options?: AdapterOptions,
    env?: unknown,
  ) {
    super(sessions, options)
    this.#source = request
    this.#env = env
  }

  get #request(): Request {
    return 'raw' in this.#source ? this.#source.raw : this.#source
  }

  /** Bindings come with the request on Workers only; elsewhere a runtime gives other things in their place. */
  override get env(): unknown {
    return isRequestBound() ? this.#env : undefined
  }

  /**
   * Stores the session, and gives the response with its headers; at once when there is nothing to store. When the session
   * cannot be stored, cancels the body and throws or rejects with that error.
   */
  settle(response: Response): MaybePromise<Response> {
    try {
      const commit = this.commit(isFailure(response.status) ? FAILED : undefined)
      if (!(commit instanceof Promise)) return this.patch(response, commit)
      return commit.then(
        (commit) => this.patch(response, commit),
        (error: unknown) => refuse(response, error),
      )
    } catch (error) {
      return refuse(response, error)
    }
  }

  /** Gives the response with the headers of a commit, and keeps it. */
  patch(response: Response, commit: Commit): Response {
    this.#response = patchResponse(response, commit)
    return this.#response
  }

  /**
   * Ends a request that gets no response, as its handler threw. Nothing is stored; with `onError: 'discard'` a session that
   * the handler destroyed ends. Never rejects: when that fails, an event of the sessions reports it.
   */
  async abandon(): Promise<void> {
    try {
      if (this.discards) await this.commit(FAILED)
    } catch {
      // The error of the handler is the one to report.
    }
  }

  protected override get responseVaries(): boolean {
    return varies((name) => this.#response?.headers.get(name))
  }

  protected override cookieHeader(): string | null {
    return this.#request.headers.get('cookie')
  }

  protected override location(): RequestLocation | undefined {
    return locationOfUrl(this.#request.url)
  }

  protected override isPlainHttp(): boolean {
    const { url, headers } = this.#request
    return isPlainHttp(url.startsWith('https:'), (name) => headers.get(name))
  }
}

/**
 * Gives a response with the headers of a commit merged in; `Response.error()` as it is. With a cookie it is a new object,
 * because the response may be a constant that answers many visitors. Without a cookie it is the same object where
 * possible, as wrapping the body in a new `Response` costs more than the rest of the session.
 */
export function patchResponse(response: Response, commit: Commit): Response {
  // Before the headers are read: some servers create them on the first access. A network error has none.
  if (commit.headers.length === 0 || response.type === 'error') return response
  if (!setsCookie(commit.headers) && isMerged(response, commit)) return response
  // The constructor accepts no other status. 101 is never shared between visitors, so it is changed in place.
  const copyable = response.status >= 200 && response.status <= 599
  const patched = copyable ? new Response(response.body, response) : response
  patchHeaders(patched.headers, commit)
  return patched
}

/** Merges in place; false for an immutable response, such as a redirect. */
function isMerged(response: Response, commit: Commit): boolean {
  try {
    patchHeaders(response.headers, commit)
    return true
  } catch {
    return false
  }
}

/** Merges the headers of a commit into those of a response, in place. */
export function patchHeaders(headers: Headers, { headers: patch }: Commit): void {
  if (setsCookie(patch)) checkTwins(headers.getSetCookie(), patch)
  for (const [name, value] of patch) {
    if (name === 'set-cookie') headers.append(name, value)
    else headers.set(name, mergeHeader(name, headers.get(name) ?? undefined, value))
  }
}

function refuse(response: Response, error: unknown): never {
  discardBody(response)
  throw error
}

/** Whether a value is a `Response`, of any implementation. */
export function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && Object.prototype.toString.call(value) === '[object Response]'
}

/** Cancels the body of a response that is not sent, as a stream would keep its source open. */
export function discardBody(payload: unknown): void {
  if (isResponse(payload)) {
    // An error of the cancelled stream is ignored, as another error is reported already.
    if (payload.body?.locked === false) payload.body.cancel().catch(() => undefined)
  } else (payload as { destroy?: () => void } | null | undefined)?.destroy?.()
}

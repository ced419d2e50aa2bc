/**
 * Requests and responses of the Fetch standard: the scope, and the headers of a commit.
 *
 * @module
 */

import { type HeaderPatch, mergeHeader } from '../../core/commit-headers.ts'
import { isRequestBound } from '../../core/runtime.ts'
import { type LifeCycle, locationOfUrl, type RequestLocation, Scope } from '../../core/scope.ts'
import { checkTwins, setsCookie, varies } from './headers.ts'
import { isPlainHttp } from './location.ts'

/** What has the request; Hono's may become another one. */
interface Source {
  readonly raw: Request
}

/** The scope of a request of the Fetch standard. */
export class FetchScope extends Scope {
  readonly #source: Source
  readonly #env: unknown
  #response: Response | undefined

  /** @param env What the runtime gives a handler besides the request. */
  constructor(sessions: LifeCycle, source: Source, env: unknown) {
    super(sessions)
    this.#source = source
    this.#env = env
  }

  /** Bindings come with the request on Workers only; elsewhere a runtime gives other things in their place. */
  override get env(): unknown {
    return isRequestBound() ? this.#env : undefined
  }

  /** Gives the response with the headers of a commit, and keeps it. */
  patch(response: Response, patch: HeaderPatch): Response {
    this.#response = patchResponse(response, patch)
    return this.#response
  }

  protected override get responseVaries(): boolean {
    return varies((name) => this.#response?.headers.get(name))
  }

  protected override cookieHeader(): string | null {
    return this.#source.raw.headers.get('cookie')
  }

  protected override location(): RequestLocation | undefined {
    return locationOfUrl(this.#source.raw.url)
  }

  protected override isPlainHttp(): boolean {
    const { url, headers } = this.#source.raw
    return isPlainHttp(url.startsWith('https:'), (name) => headers.get(name))
  }
}

/**
 * Gives a response with the headers merged in. With a cookie it is a new object, because the response may be a constant
 * that answers many visitors. Without a cookie it is the same object where possible, as wrapping the body in a new
 * `Response` costs more than the rest of the session.
 */
export function patchResponse(response: Response, patch: HeaderPatch): Response {
  // Before the headers are read: some servers create them on the first access.
  if (patch.length === 0) return response
  if (!setsCookie(patch) && isMerged(response, patch)) return response
  // The constructor accepts no other status. 101 is never shared between visitors, so it is changed in place.
  const copyable = response.status >= 200 && response.status <= 599
  const patched = copyable ? new Response(response.body, response) : response
  mergeFetchHeaders(patched.headers, patch)
  return patched
}

/** Merges in place; false for an immutable response, such as a redirect. */
function isMerged(response: Response, patch: HeaderPatch): boolean {
  try {
    mergeFetchHeaders(response.headers, patch)
    return true
  } catch {
    return false
  }
}

/** Merges the headers of a commit into those of a response. */
export function mergeFetchHeaders(headers: Headers, patch: HeaderPatch): void {
  if (setsCookie(patch)) checkTwins(headers.getSetCookie(), patch)
  for (const [name, value] of patch) {
    if (name === 'set-cookie') headers.append(name, value)
    else headers.set(name, mergeHeader(name, headers.get(name) ?? undefined, value))
  }
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

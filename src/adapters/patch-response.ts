/**
 * Headers of a commit on a `Response` of the Fetch standard.
 *
 * @module
 */

import { type HeaderPatch, mergeHeader } from '../core/headers.ts'

/**
 * Gives a response with the headers merged in. It is a new one, because a response may be immutable, or a constant that
 * answers many visitors.
 */
export function patchResponse(response: Response, patch: HeaderPatch): Response {
  if (patch.length === 0) return response
  // Outside this range a response cannot be made anew: 101, which no other visitor gets.
  const copyable = response.status >= 200 && response.status <= 599
  const patched = copyable ? new Response(response.body, response) : response
  for (const [name, value] of patch) {
    const existing = patched.headers.get(name) ?? undefined
    if (name === 'set-cookie') patched.headers.append(name, value)
    else patched.headers.set(name, mergeHeader(name, existing, value))
  }
  return patched
}

/** Tells a `Response`, also one of another implementation. */
export function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === '[object Response]'
}

/** Ends the body of a response that is not sent: a stream would keep what it reads from open. */
export function discardBody(payload: unknown): void {
  if (isResponse(payload)) {
    // Its own trouble at this point is nobody's concern: another error is on its way.
    if (payload.body?.locked === false) payload.body.cancel().catch(() => undefined)
  } else (payload as { destroy?: () => void } | null | undefined)?.destroy?.()
}

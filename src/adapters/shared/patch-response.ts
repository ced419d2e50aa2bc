/**
 * Headers of a commit on a `Response` of the Fetch standard.
 *
 * @module
 */

import { type HeaderPatch, mergeHeader } from '../../core/headers.ts'

/**
 * Gives a response with the headers merged in. With a cookie it is a new one, because a response may be a constant that
 * answers many visitors; without one it is the same where it can be, as reading its body out of it costs more than all
 * else that a session does.
 */
export function patchResponse(response: Response, patch: HeaderPatch): Response {
  // Asking some servers' responses for their headers makes the headers first.
  if (patch.length === 0) return response
  const isForOne = patch.some(([name]) => name === 'set-cookie')
  if (!isForOne && isMerged(response, patch)) return response
  // Outside this range a response cannot be made anew: 101, which no other visitor gets.
  const copyable = response.status >= 200 && response.status <= 599
  const patched = copyable ? new Response(response.body, response) : response
  merge(patched, patch)
  return patched
}

/** False for a response that nobody may change, such as a redirect. */
function isMerged(response: Response, patch: HeaderPatch): boolean {
  try {
    merge(response, patch)
    return true
  } catch {
    return false
  }
}

function merge({ headers }: Response, patch: HeaderPatch): void {
  for (const [name, value] of patch) {
    if (name === 'set-cookie') headers.append(name, value)
    else headers.set(name, mergeHeader(name, headers.get(name) ?? undefined, value))
  }
}

/** Tells a `Response`, also one of another implementation. */
export function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && Object.prototype.toString.call(value) === '[object Response]'
}

/** Ends the body of a response that is not sent: a stream would keep what it reads from open. */
export function discardBody(payload: unknown): void {
  if (isResponse(payload)) {
    // Its own trouble at this point is nobody's concern: another error is on its way.
    if (payload.body?.locked === false) payload.body.cancel().catch(() => undefined)
  } else (payload as { destroy?: () => void } | null | undefined)?.destroy?.()
}

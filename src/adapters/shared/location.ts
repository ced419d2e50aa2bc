/**
 * Host, path and protocol of a request, for {@link Scope}. No function throws, whatever the client sent.
 *
 * @module
 */

import { locationOfUrl, type RequestLocation } from '../../core/scope.ts'

/**
 * Makes a location of two header values. Never throws, whatever the client sent.
 *
 * @param host The value of `Host` or `:authority`, with or without a port.
 * @param target The request target: a path with or without a query, or an absolute URL, as proxies get it.
 */
export function locationOf(
  host: string | undefined,
  target: string | undefined,
): RequestLocation | undefined {
  if (host === undefined || host === '' || target === undefined) return undefined
  const path = target.startsWith('/') ? target.replace(/[?#].*$/s, '') : locationOfUrl(target)?.path
  return path === undefined ? undefined : { host: host.replace(/:\d*$/, '').toLowerCase(), path }
}

/**
 * Whether neither a request's connection nor a proxy's header says https. Any `Forwarded` is taken for https.
 *
 * @param header Gives a header of the request.
 */
export function isPlainHttp(encrypted: boolean, header: (name: string) => unknown): boolean {
  if (encrypted || (header('forwarded') ?? null) !== null) return false
  return !/^\s*https\b/i.test(String(header('x-forwarded-proto') ?? ''))
}

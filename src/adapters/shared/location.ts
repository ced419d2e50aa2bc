/**
 * Host and path of a request, for {@link Scope.location}. Neither function throws, whatever the client sent.
 *
 * @module
 */

import type { RequestLocation } from '../../core/scope.ts'

/**
 * Makes a location of two header values.
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

/** Makes a location of an absolute URL; undefined for another string. */
export function locationOfUrl(url: string): RequestLocation | undefined {
  if (!URL.canParse(url)) return undefined
  const { hostname, pathname } = new URL(url)
  return hostname === '' ? undefined : { host: hostname, path: pathname }
}

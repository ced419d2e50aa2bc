/**
 * Headers in the adapters: what those of a request say about it, those that a commit sets on a Node response, and
 * those that must not pass from a dropped response to its error page.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { type HeaderPatch, mergeHeader, type PatchName } from '../../core/commit-headers.ts'
import { type CommitOptions, locationOfUrl, type RequestLocation } from '../../core/scope.ts'
import { warnOnce } from '../../core/warnings.ts'
import { StateError } from '../../errors.ts'

/** A response of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** A header value in Node and in the frameworks on it. */
export type HeaderValue = number | string | readonly string[] | undefined

/** The headers of a response, in any framework. */
export interface HeaderTarget {
  getHeader(name: string): HeaderValue
  setHeader(name: string, value: string | readonly string[]): unknown
}

/** Merges the headers of a commit into those of the application. A second call changes nothing. */
export function mergeHeaders(target: HeaderTarget, patch: HeaderPatch): void {
  if (setsCookie(patch)) checkTwins(linesOf(target.getHeader('set-cookie')), patch)
  for (const [name, value] of patch) {
    const existing = target.getHeader(name)
    if (name !== 'set-cookie') {
      const joined = existing === undefined ? undefined : linesOf(existing).join(', ')
      target.setHeader(name, mergeHeader(name, joined, value))
    } else {
      const lines = linesOf(existing)
      if (!lines.includes(value)) target.setHeader(name, [...lines, value])
    }
  }
}

const SAFE = [
  ['vary', 'Cookie'],
  ['cache-control', 'private'],
] as const

/** Whether the headers of a response keep caches from giving it to other visitors. */
export function varies(header: (name: PatchName) => HeaderValue | null): boolean {
  return SAFE.some(([name, value]) => {
    const existing = linesOf(header(name) ?? undefined).join(', ')
    return existing !== '' && mergeHeader(name, existing, value) === existing
  })
}

/** Whether the headers of a commit have a cookie, which cannot be left out. */
export function setsCookie(patch: HeaderPatch): boolean {
  return patch.some(([name]) => name === 'set-cookie')
}

/**
 * Warns when a response has a cookie already of a name that a commit sets: one request has two sessions then.
 *
 * @param lines The `Set-Cookie` lines of the response.
 */
export function checkTwins(lines: readonly string[], patch: HeaderPatch): void {
  for (const [header, value] of patch) {
    if (header !== 'set-cookie') continue
    const name = value.slice(0, value.indexOf('=') + 1)
    if (!lines.some((line) => line.startsWith(name) && !patch.some(([, own]) => own === line)))
      continue
    warnOnce(
      'VIAL_COOKIE_NAME',
      `A response sets two cookies '${name.slice(0, -1)}', so one of two sessions is lost. The session middleware may have run twice for one request, on another request object, as under Hono's mount() or in a sub-request: register it once, or give \`ambient: true\`.`,
    )
  }
}

/** The error for a cookie that can no longer be sent. `advice` ends the message. */
export function tooLate(advice: string): StateError {
  return new StateError(
    `The session needs a cookie, but the response headers were already sent. Write the session before answering${advice}.`,
  )
}

export function linesOf(value: HeaderValue): readonly string[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as readonly string[]) : [String(value)]
}

export const FAILED: CommitOptions = { failed: true }

/** Whether a status says that the handler failed. A network error of the Fetch standard has the status 0. */
export function isFailure(status: number): boolean {
  return status >= 500 || status === 0
}

/**
 * Whether an error says that the handler failed. One with a status below 500 is the answer of a framework, such as a
 * redirect or a page that was not found.
 *
 * @param otherwise The status of the response where the error has none.
 */
export function isFault(error: unknown, otherwise = 500): boolean {
  const { status, statusCode } = Object(error) as Readonly<Record<string, unknown>>
  return isFailure(Number(status ?? statusCode ?? otherwise))
}

const REPRESENTATION =
  /^(?:location|set-cookie|cache-control|expires|etag|last-modified|content-(?:type|length|encoding|language|location|range|disposition))$/

/**
 * Whether a header (name in lower case) describes one response alone. Such a header is removed where a framework would
 * put the headers of a dropped response on the error page.
 */
export function isRepresentationHeader(name: string): boolean {
  return REPRESENTATION.test(name)
}

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

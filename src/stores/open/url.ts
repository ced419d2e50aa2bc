/**
 * Reads the URL of a store. No message shows any part of it but its scheme and the names of parameters, as the rest may
 * hold a password.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'

/** A URL in its parts, percent-encoding untouched, but for the values of its parameters. */
export interface StoreUrl {
  readonly scheme: string
  /** What stands between `//` and the next `/`. Undefined: there is no `//`. */
  readonly authority: string | undefined
  /** What stands between that and `?`. */
  readonly path: string
  readonly parameters: ReadonlyMap<string, string>
}

const PARTS = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/is

/**
 * Cuts a URL into parts, also one that names several hosts.
 *
 * @throws {ConfigError} When it has no scheme, or a character where it means another thing than was meant.
 */
export function readStoreUrl(url: string, known: readonly string[]): StoreUrl {
  const schemes = `Known are ${known.map((scheme) => `${scheme}:`).join(', ')}.`
  const [, scheme = '', authority, path = '', query = ''] = PARTS.exec(url) ?? []
  if (scheme === '') throw new ConfigError(`openStore: this is no URL of a store. ${schemes}`)
  const name = scheme.toLowerCase()
  if (!known.includes(name)) {
    throw new ConfigError(`openStore: there is no store for '${name}:'. ${schemes}`)
  }
  const cutShort =
    authority !== undefined && !authority.includes('@') && `${path}${query}`.includes('@')
  if (url.includes('#') || cutShort) {
    throw new ConfigError(
      `openStore: this ${name}: URL has a character in a wrong place. Percent-encode the user name and the password: '#' is %23, '/' is %2F, '?' is %3F, '@' is %40.`,
    )
  }
  return { scheme: name, authority, path, parameters: readParameters(name, query) }
}

function readParameters(scheme: string, query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (parameters.has(name)) {
      throw new ConfigError(`openStore: this ${scheme}: URL has the parameter '${name}' twice.`)
    }
    parameters.set(name, value)
  }
  return parameters
}

/**
 * Fails unless each parameter is a known one.
 *
 * @throws {ConfigError} When it is not.
 */
export function checkParameters({ scheme, parameters }: StoreUrl, known: readonly string[]): void {
  const unknown = [...parameters.keys()].find((name) => !known.includes(name))
  if (unknown === undefined) return
  const list = known.length === 0 ? 'none' : known.map((name) => `'${name}'`).join(', ')
  throw new ConfigError(
    `openStore: a ${scheme}: URL has no parameter '${unknown}'. Known: ${list}.`,
  )
}

/**
 * The URL for a client: without the parameters that are ours, under the scheme that the client knows.
 *
 * @throws {ConfigError} When no client could read it.
 */
export function clientUrl(
  { scheme, authority = '', path, parameters }: StoreUrl,
  ours: readonly string[],
  as: string = scheme,
): string {
  const rest = new URLSearchParams([...parameters].filter(([name]) => !ours.includes(name)))
  return `${as}://${authority}${path}${rest.size === 0 ? '' : `?${rest}`}`
}

/**
 * A URL of one host.
 *
 * @throws {ConfigError} When it names no host, or its port is no number. Errors of clients show the whole URL.
 */
export function checkHost({ scheme, authority = '', path }: StoreUrl): URL {
  decoded(authority + path, scheme)
  const url = attempt(() => new URL(`http://${authority}${path}`))
  if (url !== undefined) return url
  throw new ConfigError(
    `openStore: this ${scheme}: URL cannot be read. Write ${scheme}://user:password@host:port, user name and password percent-encoded.`,
  )
}

/**
 * A path on this machine: relative as in `file:sessions`, or absolute as in `file:/var/sessions`.
 *
 * @throws {ConfigError} When it is neither.
 */
export function localPath({ scheme, authority, path }: StoreUrl): string {
  // Three slashes: an absolute path in a file URL, but with SQLAlchemy and others a relative one for SQLite.
  const isLocal = authority === undefined || (scheme === 'file' && authority === '')
  if (!isLocal || path === '') {
    throw new ConfigError(
      `openStore: write ${scheme}:relative/path or ${scheme}:/absolute/path, without '//'.`,
    )
  }
  return decoded(path, scheme)
}

/**
 * A part of a URL without its percent-encoding.
 *
 * @throws {ConfigError} When it is not percent-encoded.
 */
export function decoded(part: string, scheme: string): string {
  const text = attempt(() => decodeURIComponent(part))
  if (text !== undefined) return text
  throw new ConfigError(`openStore: this ${scheme}: URL has a '%' that is not written %25.`)
}

/** The errors of these calls show what they were called with, so none of them goes on. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch {
    return undefined
  }
}

/**
 * Reads the URL of a store. No message shows any part of it but its scheme and the names of parameters, as the rest may
 * hold a password.
 */

import { ConfigError } from '../../errors.ts'

/** The parts of a URL. Only the values of the parameters are decoded. */
export interface StoreUrl {
  readonly scheme: string
  /** The text between `//` and the next `/`. Undefined: there is no `//`. */
  readonly authority: string | undefined
  /** The text between the authority and `?`. */
  readonly path: string
  readonly parameters: ReadonlyMap<string, string>
}

const PARTS = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/is

/**
 * Splits a URL into its parts, also one that names several hosts.
 *
 * @throws {ConfigError} When it is no string, or has no known scheme, a character that has to be percent-encoded, or a parameter twice.
 */
export function readStoreUrl(url: string, known: readonly string[]): StoreUrl {
  if (typeof url !== 'string') {
    const fix = url ? 'Give a string' : 'Set the variable of the environment that holds it'
    throw new ConfigError(`openStore: the URL is ${url ? typeof url : String(url)}. ${fix}.`)
  }
  const [, given = '', authority, path = '', query = ''] = PARTS.exec(url) ?? []
  const scheme = given.toLowerCase()
  if (!known.includes(scheme)) {
    const problem =
      scheme === ''
        ? 'URL of the store has no scheme'
        : `scheme '${scheme}:' of the URL is not known`
    throw new ConfigError(
      `openStore: the ${problem}. Known schemes: ${known.map((name) => `${name}:`).join(', ')}.`,
    )
  }
  const cutShort =
    authority !== undefined && !authority.includes('@') && `${path}${query}`.includes('@')
  if (url.includes('#') || cutShort) {
    throw new ConfigError(
      `openStore: this ${scheme}: URL has a character that must be percent-encoded in a user name or a password: '#' is %23, '/' is %2F, '?' is %3F, '@' is %40.`,
    )
  }
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (parameters.has(name)) {
      throw new ConfigError(`openStore: this ${scheme}: URL has the parameter '${name}' twice.`)
    }
    parameters.set(name, value)
  }
  return { scheme, authority, path, parameters }
}

/** @throws {ConfigError} When a parameter is not known. */
export function checkParameters({ scheme, parameters }: StoreUrl, known: readonly string[]): void {
  const unknown = [...parameters.keys()].find((name) => !known.includes(name))
  if (unknown === undefined) return
  const list = known.length === 0 ? 'none' : known.map((name) => `'${name}'`).join(', ')
  throw new ConfigError(
    `openStore: a ${scheme}: URL has no parameter '${unknown}'. Known: ${list}.`,
  )
}

/** The URL for a client, without the parameters that it does not know. */
export function clientUrl(
  { scheme, authority = '', path, parameters }: StoreUrl,
  without: readonly string[],
): string {
  const rest = new URLSearchParams([...parameters].filter(([name]) => !without.includes(name)))
  return `${scheme}://${authority}${path}${rest.size === 0 ? '' : `?${rest}`}`
}

/**
 * Reads a URL of one host here, as the errors of clients would show the whole URL.
 *
 * @throws {ConfigError} When it names no host, or its port is not a number.
 */
export function checkHost({ scheme, authority = '', path }: StoreUrl): URL {
  decoded(authority + path, scheme)
  const url = attempt(() => new URL(`http://${authority}${path}`))
  if (url !== undefined) return url
  throw new ConfigError(
    `openStore: this ${scheme}: URL is not valid. Write ${scheme}://user:password@host:port, with user name and password percent-encoded.`,
  )
}

/**
 * The path of a local file: relative as in `file:sessions`, or absolute as in `file:/var/sessions`.
 *
 * @throws {ConfigError} When the URL has a host or no path.
 */
export function localPath({ scheme, authority, path }: StoreUrl): string {
  // Three slashes begin an absolute path in a file URL, but a relative one in SQLAlchemy's URLs of SQLite.
  const isLocal = authority === undefined || (scheme === 'file' && authority === '')
  if (!isLocal || path === '') {
    throw new ConfigError(
      `openStore: write ${scheme}:relative/path or ${scheme}:/absolute/path, without '//'.`,
    )
  }
  return decoded(path, scheme)
}

/** @throws {ConfigError} When the percent-encoding of a part is not valid. */
export function decoded(part: string, scheme: string): string {
  const text = attempt(() => decodeURIComponent(part))
  if (text !== undefined) return text
  throw new ConfigError(`openStore: this ${scheme}: URL has a '%' that is not written %25.`)
}

/** Hides the error of a call, as it would show a part of the URL. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch {
    return undefined
  }
}

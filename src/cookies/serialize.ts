/**
 * Writes the `Set-Cookie` response header. Attributes are checked and joined once, at start, in Werkzeug's order, so that
 * a Flask preset writes the same header.
 *
 * @module
 */

import { isDevelopment } from '../core/runtime.ts'
import { ConfigError, StateError, TooLargeError } from '../errors.ts'

/** The attributes of the cookie. It is always `HttpOnly`. */
export interface CookieOptions {
  /**
   * Each kind of session needs its own.
   *
   * @default '__Host-session'; '__Secure-session' with a domain or path; 'session' over plain http
   */
  readonly name?: string
  /** Sends the cookie to this host and its subdomains. @default only the host that set it */
  readonly domain?: string
  /** The path below which browsers send the cookie. @default '/' */
  readonly path?: string
  /**
   * Whether browsers send the cookie over https only. `'development'`: false where NODE_ENV is `development` or `test`, so
   * that plain http works, and true everywhere else.
   *
   * @default true
   */
  readonly secure?: boolean | 'development'
  /** Which requests that other sites cause carry the cookie: `lax`, links only; `strict`, none; `none`, all. @default 'lax' */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** Keeps a separate cookie for each site that embeds this one. @default false */
  readonly partitioned?: boolean
  /**
   * Where this cookie stood before a change of `domain`, `path` or `partitioned`. It is removed there by a logout, and where
   * a browser sends several cookies of the name. @default none
   */
  readonly formerly?: readonly CookiePlace[]
}

/** A place at which a browser keeps a cookie. */
export interface CookiePlace {
  /** The `domain` that the cookie had. @default only the host that set it */
  readonly domain?: string
  /** The `path` that it had. @default '/' */
  readonly path?: string
  /** Whether it was `partitioned`. @default false */
  readonly partitioned?: boolean
}

/** Further options of another library's cookie. */
export interface ForeignCookieOptions extends Omit<CookieOptions, 'sameSite'> {
  /** Undefined: the attribute is left out. */
  readonly sameSite: CookieOptions['sameSite']
  /** @default true */
  readonly httpOnly?: boolean
  /** The attribute with the expiry: `Max-Age`, or `Expires` as in Flask. @default 'max-age' */
  readonly life?: 'max-age' | 'expires'
}

/** When the browser drops the cookie. Times are ms since the epoch. */
export interface CookieLife {
  /** Becomes a `Max-Age` of whole seconds, rounded down, at least 1 s and at most 400 days. */
  readonly expiresAt: number
  readonly now: number
}

/** Where a request was sent. */
export interface RequestLocation {
  /** In lower case, without a port. IPv6 addresses are in brackets. */
  readonly host: string
  /** Begins with `/` and has no query. */
  readonly path: string
}

/** Makes `Set-Cookie` values for one cookie. */
export interface CookieWriter {
  readonly name: string
  /**
   * Returns the header that sets the cookie. Without `life` the browser keeps it until it closes.
   *
   * @throws {TooLargeError} When name and value exceed 4096 bytes: browsers drop such a cookie silently.
   * @throws {StateError} When the value has characters that a cookie cannot hold.
   */
  set(value: string, life?: CookieLife): string
  /** Returns the header that removes the cookie. It repeats all attributes, as browsers require. */
  remove(): string
  /** The header of {@link set}, in parts. */
  parts(value: string, life?: CookieLife): ResponseCookie
  /** The header of {@link remove}, in parts. */
  readonly removal: ResponseCookie
  /** The headers that remove the cookie from where it once stood. */
  readonly formerly: readonly CookieRemoval[]
  /**
   * The headers that remove a cookie of this name from the places besides its own where a browser may hold one: those of
   * {@link formerly}, and at most 8 that follow from where the request was sent. A name with `__Host-` has one place.
   *
   * @param request Undefined: not known.
   */
  elsewhere(request: RequestLocation | undefined): CookieRemoval[]
}

/** A header that removes a cookie, and the same in parts. */
export interface CookieRemoval {
  readonly line: string
  readonly parts: ResponseCookie
}

/** A `Set-Cookie` header in parts, for a framework that writes the header. An absent attribute is left out. */
export interface ResponseCookie {
  readonly name: string
  /** Empty in a removal. */
  readonly value: string
  readonly path: string
  readonly domain?: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite?: 'lax' | 'strict' | 'none'
  readonly partitioned: boolean
  /** In seconds; 0 in a removal. Absent together with `expires`: the browser keeps the cookie until it closes. */
  readonly maxAge?: number
  readonly expires?: Date
}

/** RFC 6265bis, section 5.6: the longest cookie, and the longest attribute, in bytes. */
const LIMIT = 4096
const ATTRIBUTE_LIMIT = 1024
/** RFC 6265bis, section 5.5: 400 days in seconds. */
const LONGEST = 34_560_000

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[!#-+\--:<-[\]-~]+$/
const PATH = /^\/[!-:<-~]*$/
const HOST = /^(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' }

/**
 * Checks the attributes and joins them.
 *
 * @param object Called with what browsers refuse and other libraries allow. Default: throws a `ConfigError`.
 * @throws {ConfigError} When the attributes make no cookie; the message names the fix.
 */
export function cookieWriter(
  options: CookieOptions | ForeignCookieOptions = {},
  object: (message: string) => void = refuse,
): CookieWriter {
  const { path = '/', partitioned = false } = options
  const { httpOnly = true, life: form = 'max-age' } = options as Partial<ForeignCookieOptions>
  // Present and undefined: another library's cookie without the attribute.
  const sameSite = 'sameSite' in options ? options.sameSite : 'lax'
  const secure = isSecure(options.secure)
  const domain = options.domain?.replace(/^\./, '')
  checkPath(path)
  checkDomain(domain)
  if (sameSite !== undefined && !Object.hasOwn(SAME_SITE, sameSite)) {
    throw new ConfigError("cookie.sameSite is not known. Give 'lax', 'strict' or 'none'.")
  }
  const hostOnly = domain === undefined && path === '/'
  const name = options.name ?? defaultName(secure, hostOnly)
  checkName(name)
  const problem =
    prefixProblem(name, secure, hostOnly, httpOnly) ?? siteProblem(sameSite, secure, partitioned)
  if (problem !== undefined) object(problem)

  const at = ({ domain, path = '/', partitioned = false }: CookiePlace) => ({
    head: domain === undefined ? '' : `; Domain=${domain}`,
    tail:
      `${secure ? '; Secure' : ''}${httpOnly ? '; HttpOnly' : ''}; Path=${path}` +
      `${sameSite === undefined ? '' : `; SameSite=${SAME_SITE[sameSite]}`}${partitioned ? '; Partitioned' : ''}`,
    attributes: {
      path,
      secure,
      httpOnly,
      partitioned,
      ...(domain !== undefined && { domain }),
      ...(sameSite !== undefined && { sameSite }),
    },
  })
  const removalAt = (place: CookiePlace): CookieRemoval => {
    const { head, tail, attributes } = at(place)
    return {
      line: `${name}=${head}; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0${tail}`,
      parts: { name, value: '', ...attributes, expires: new Date(0), maxAge: 0 },
    }
  }
  const own: CookiePlace = { path, partitioned, ...(domain !== undefined && { domain }) }
  const { head, tail, attributes } = at(own)
  const { line: removal, parts: removalParts } = removalAt(own)
  const isBound = /^__host-/i.test(name)
  const formerly = placesOf(options.formerly, secure, isBound).map(removalAt)

  return {
    name,

    set(value, life) {
      const size = name.length + value.length
      if (size > LIMIT) {
        throw new TooLargeError(
          `The session takes ${size} bytes as a cookie, and browsers keep ${LIMIT}. A \`store\` keeps the record elsewhere and only an id in the cookie.`,
          { size, limit: LIMIT },
        )
      }
      if (!VALUE.test(value)) {
        throw new StateError(
          'The seal returned characters that a cookie cannot hold. Use only A-Z a-z 0-9 - _ and dots.',
        )
      }
      const { expires, maxAge } = lifeOf(life, form)
      const until = expires === undefined ? '' : `; Expires=${expires.toUTCString()}`
      const lasting = maxAge === undefined ? until : `; Max-Age=${maxAge}`
      return `${name}=${value}${head}${lasting}${tail}`
    },

    remove() {
      return removal
    },

    parts(value, life) {
      return { name, value, ...attributes, ...lifeOf(life, form) }
    },

    removal: removalParts,
    formerly,

    elsewhere(request) {
      const places = isBound ? [] : placesAround(own, request)
      return [...formerly, ...places.map(removalAt)]
    },
  }
}

/** The most removals that a response gets for places that are only guessed. */
const MOST_GUESSED = 8

/** The places besides its own at which a browser may hold a cookie for this request. */
function placesAround(own: CookiePlace, request: RequestLocation | undefined): CookiePlace[] {
  const segment = /^\/[^/]*/.exec(request?.path ?? '')?.[0] ?? '/'
  const paths = new Set(['/', own.path ?? '/', ...(PATH.test(segment) ? [segment] : [])])
  const domains = new Set([undefined, ...(request ? domainsOf(request.host) : []), own.domain])
  const { partitioned = false } = own
  return [...paths]
    .flatMap((path) =>
      [...domains]
        .filter((domain) => domain !== own.domain || path !== own.path)
        .map((domain) => ({ path, partitioned, ...(domain !== undefined && { domain }) })),
    )
    .slice(0, MOST_GUESSED)
}

/** A host and its parents of at least two labels. An address has none. */
function domainsOf(host: string): string[] {
  if (!HOST.test(host) || /(?:^|\.)\d+$/.test(host)) return []
  const labels = host.split('.')
  return labels.slice(0, -1).map((_, at) => labels.slice(at).join('.'))
}

function placesOf(
  formerly: CookieOptions['formerly'] = [],
  secure: boolean,
  isBound: boolean,
): CookiePlace[] {
  return formerly.map(({ domain: given, path = '/', partitioned = false }: CookiePlace) => {
    const domain = given?.replace(/^\./, '')
    checkPath(path, 'path in cookie.formerly')
    checkDomain(domain, 'domain in cookie.formerly')
    if (isBound && (domain !== undefined || path !== '/')) {
      throw new ConfigError(
        'cookie.formerly names a domain or a path, and a cookie whose name starts with __Host- never had one. Leave it out.',
      )
    }
    if (partitioned && !secure) {
      throw new ConfigError(
        'cookie.formerly with `partitioned` needs `secure: true`: browsers keep no other.',
      )
    }
    return { path, partitioned, ...(domain !== undefined && { domain }) }
  })
}

function lifeOf(
  life: CookieLife | undefined,
  form: 'max-age' | 'expires',
): Pick<ResponseCookie, 'expires' | 'maxAge'> {
  if (life === undefined) return {}
  if (form === 'expires') return { expires: new Date(life.expiresAt) }
  const seconds = Math.floor((life.expiresAt - life.now) / 1000) || 1
  return { maxAge: Math.min(LONGEST, Math.max(1, seconds)) }
}

function isSecure(secure: CookieOptions['secure'] = true): boolean {
  if (typeof secure === 'boolean') return secure
  if (secure === 'development') return !isDevelopment()
  throw new ConfigError("cookie.secure is not known. Give true, false or 'development'.")
}

function defaultName(secure: boolean, hostOnly: boolean): string {
  if (!secure) return 'session'
  return hostOnly ? '__Host-session' : '__Secure-session'
}

function checkName(name: string): void {
  if (TOKEN.test(name)) return
  throw new ConfigError(
    'cookie.name is not a cookie name. Use letters, digits, - and _, such as `__Host-session`.',
  )
}

/** What the prefix of a name asks for. Browsers accept it in any letter case. */
function prefixProblem(
  name: string,
  secure: boolean,
  hostOnly: boolean,
  httpOnly: boolean,
): string | undefined {
  const prefix = /^__(?:host-http|host|secure|http)-/i.exec(name)?.[0]
  if (prefix === undefined) return undefined
  const start = `cookie.name starts with ${prefix}, which`
  if (!secure) return `${start} needs \`secure: true\`. Name it 'session' over plain http.`
  if (/host-/i.test(prefix) && !hostOnly) {
    return `${start} allows no domain and no path but '/'. Leave those out, or start it with __Secure-.`
  }
  if (!/http-/i.test(prefix) || httpOnly) return undefined
  return `${start} needs HttpOnly. Leave \`httpOnly: false\` out, or start it with __Secure-.`
}

/** What a cookie needs on a page that another site embeds. */
function siteProblem(
  sameSite: CookieOptions['sameSite'],
  secure: boolean,
  partitioned: boolean,
): string | undefined {
  if (sameSite === 'none' && !secure) {
    return "cookie.sameSite 'none' needs `secure: true`: browsers drop the cookie."
  }
  if (!partitioned) return undefined
  if (!secure) return 'cookie.partitioned needs `secure: true`: browsers drop the cookie.'
  if (sameSite === 'none') return undefined
  return "cookie.partitioned needs `sameSite: 'none'`: browsers send no other cookie to an embedded page. Add it, or leave `partitioned` out."
}

function refuse(message: string): never {
  throw new ConfigError(message)
}

function checkPath(path: string, option = 'cookie.path'): void {
  if (PATH.test(path) && path.length <= ATTRIBUTE_LIMIT) return
  throw new ConfigError(
    `${option} is not a path. Start it with '/', percent-encode all but visible ASCII, and leave out ';'.`,
  )
}

function checkDomain(domain: string | undefined, option = 'cookie.domain'): void {
  if (domain === undefined || (HOST.test(domain) && domain.length <= 253)) return
  throw new ConfigError(
    `${option} is not a host name. Give one such as 'example.com': no scheme, no port, and other scripts in their xn-- form.`,
  )
}

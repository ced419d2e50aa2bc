/**
 * Several cookies of one name in one request: which of them counts. A browser holds several after a change of the
 * cookie's domain or path, and a neighbouring host can add some.
 *
 * @module
 */

import type { Rejection } from '../events.ts'
import type { Origin, Several } from '../origin.ts'
import { decodeReserved } from '../record.ts'
import type { Serializer } from '../serializer.ts'

/** More cookies of one name are not opened, and more credentials not looked up: a visitor must not choose the work. */
const MOST_OPENED = 32
const MOST_LOOKED_UP = 4

/** The cookies of a request that are worth looking up. */
export interface Candidates<T> {
  readonly found: readonly T[]
  /** Why the others are not. */
  readonly reason: Rejection
  /** There are more than are looked up. */
  readonly isMore: boolean
}

/**
 * Opens the cookies of one name.
 *
 * @param shortest The length of the shortest text that can open.
 */
export function candidatesOf<T extends object>(
  values: readonly string[],
  shortest: number,
  open: (value: string) => T | Rejection,
): Candidates<T> {
  const found: T[] = []
  let reason: Rejection = 'malformed'
  let opened = 0
  for (const value of values.length === 1 ? values : new Set(values)) {
    if (value.length < shortest) continue
    if (opened === MOST_OPENED) return { found, reason, isMore: true }
    opened += 1
    const result = open(value)
    if (typeof result === 'string') reason = reason === 'malformed' ? result : reason
    else if (found.length === MOST_LOOKED_UP) return { found, reason, isMore: true }
    else found.push(result)
  }
  return { found, reason, isMore: false }
}

/** Where a record names its user. */
export interface Identity {
  readonly serializer: Serializer
  /** A key of the application that names the user as well. Undefined: none. */
  readonly userKey: string | undefined
}

/**
 * Chooses among the records that cookies of one name opened: the newest, if all name the same user. Records without a user
 * count as of different visitors. Otherwise none is chosen, as a neighbouring host may have set any of the cookies.
 *
 * @returns Undefined where no cookie opened a record.
 */
export function choose(
  origins: readonly Origin[],
  isMore: boolean,
  cookies: number,
  identity: Identity,
): Origin | Several | undefined {
  const records = distinct(origins)
  const live = records.filter(({ standing }) => standing !== 'superseded')
  const [only] = live
  if (live.length <= 1 && !isMore) {
    return records.length === live.length
      ? only
      : { origin: only, beside: records.filter((record) => record !== only), cookies: 0 }
  }
  const origin = isMore ? undefined : newest(live, identity)
  return { origin, beside: records.filter((record) => record !== origin), cookies }
}

/** Each record once, by the cookie that stands best. A record in a cookie has no key and is always one of its own. */
function distinct(origins: readonly Origin[]): readonly Origin[] {
  const standings: readonly Origin['standing'][] = ['current', 'renewed', 'superseded']
  const sorted = origins.toSorted(
    (a, b) => standings.indexOf(a.standing) - standings.indexOf(b.standing),
  )
  return sorted.filter(
    ({ credential }, at) =>
      credential === undefined ||
      sorted.findIndex((one) => one.credential?.key === credential.key) === at,
  )
}

/** By the last login, else by the time of sealing, else by the beginning; undefined where these do not decide. */
function newest(live: readonly Origin[], identity: Identity): Origin | undefined {
  const users = new Set(live.map((origin) => userOf(origin, identity)))
  if (users.size !== 1 || users.has(undefined)) return undefined
  const clocks: readonly ((origin: Origin) => number | undefined)[] = [
    ({ meta }) => meta.loggedInAt,
    ({ sealedAt }) => sealedAt,
    ({ meta }) => meta.createdAt,
  ]
  for (const clock of clocks) {
    const times = live.map((origin) => clock(origin) ?? Number.NaN)
    const latest = Math.max(...times)
    const [first, ...others] = live.filter((_, at) => times[at] === latest)
    if (first !== undefined && others.length === 0) return first
  }
  return undefined
}

/** The user of a record as text. Undefined: no login. */
function userOf({ meta, entries }: Origin, { serializer, userKey }: Identity): string | undefined {
  const id = userKey === undefined ? undefined : decodeReserved(entries.get(userKey), serializer)
  const isId = typeof id === 'string' || typeof id === 'number'
  if (meta.user === undefined && !isId) return undefined
  return JSON.stringify([meta.user, isId ? id : undefined])
}

/** A session whose verifier a login or `regenerate` took the place of: nothing can be done with it but end it. */
export function onlyEnded(superseded: Origin): Several {
  return { origin: undefined, beside: [superseded], cookies: 0 }
}

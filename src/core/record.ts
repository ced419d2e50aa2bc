/**
 * What a record holds besides the visitor's own keys: Flask's two reserved entries, and one of vial's own.
 *
 * @module
 */

import type { Entries, Serializer } from './serializer.ts'

/** True in a session whose cookie outlives the browser; Flask's name. */
export const PERMANENT = '_permanent'
/** The flashed messages, a list of (category, message); Flask's name. */
export const FLASHES = '_flashes'
/** vial's own: a map of {@link Meta}'s fields in plain types, so that Flask carries it along unharmed. */
const META = '_vial'

const RESERVED: ReadonlySet<unknown> = new Set([PERMANENT, FLASHES, META])

/** Whether a key belongs to the session itself and not to the visitor's dictionary. */
export function isReserved(key: unknown): boolean {
  return RESERVED.has(key)
}

/** What gave a session its current verifier. */
export type VerifierChange = 'login' | 'regenerate' | 'renew'

/**
 * What a session knows about itself, by the names that the record has. Times are ms since the epoch. An absent field is
 * not known, or does not apply; a record that another library began has none.
 */
export interface Meta {
  /** When the session began. */
  readonly created: number | undefined
  /** The user that `login` named. */
  readonly user: string | undefined
  /** When `login` was last called: the lifetime begins again then. */
  readonly loggedIn: number | undefined
  /** The absolute end under the configuration that last wrote the record. */
  readonly until: number | undefined
  /** The longest pause between requests under that configuration, in ms. */
  readonly idle: number | undefined
  /** True: `until` and `idle` are the session's own and not the configuration's. Not written yet; carried along. */
  readonly own: true | undefined
  /** The hash of the verifier that the cookie holds. */
  readonly v: string | undefined
  /** The hash of the verifier before. */
  readonly was: string | undefined
  /** How `v` took the place of `was`. */
  readonly how: VerifierChange | undefined
  /** When the grace of `was` began: at the rotation, and for a renewal when the new verifier was first presented. */
  readonly at: number | undefined
  /** What a renewal derived the verifier from, besides the one before. */
  readonly nonce: string | undefined
  /** True: the user's list has this session. Not written yet; carried along. */
  readonly listed: true | undefined
  /** When each method last confirmed the user. Not written yet; carried along. */
  readonly factors: Readonly<Record<string, number>> | undefined
}

/** Nothing is known. */
export const NO_META: Meta = {
  created: undefined,
  user: undefined,
  loggedIn: undefined,
  until: undefined,
  idle: undefined,
  own: undefined,
  v: undefined,
  was: undefined,
  how: undefined,
  at: undefined,
  nonce: undefined,
  listed: undefined,
  factors: undefined,
}

const FIELDS = Object.keys(NO_META) as readonly (keyof Meta)[]

/** Reads {@link META}. A field of another type than its own counts as absent. */
export function readMeta(entries: Entries, serializer: Serializer): Meta {
  const entry = entries.get(META)
  if (entry === undefined) return NO_META
  const value = decodeOrNothing(entry, serializer)
  if (typeof value !== 'object' || value === null) return NO_META
  const fields = value as { readonly [K in keyof Meta]?: unknown }
  return {
    created: time(fields.created),
    user: text(fields.user),
    loggedIn: time(fields.loggedIn),
    until: time(fields.until),
    idle: time(fields.idle),
    own: fields.own === true ? true : undefined,
    v: text(fields.v),
    was: text(fields.was),
    how: change(fields.how),
    at: time(fields.at),
    nonce: text(fields.nonce),
    listed: fields.listed === true ? true : undefined,
    factors: fields.factors === undefined ? undefined : times(fields.factors),
  }
}

/** Writes {@link META}, or removes it when every field is absent. */
export function writeMeta(entries: Entries, serializer: Serializer, meta: Meta): void {
  const fields: Record<string, unknown> = {}
  let some = false
  for (const name of FIELDS) {
    if (meta[name] === undefined) continue
    fields[name] = meta[name]
    some = true
  }
  if (some) entries.set(META, serializer.encode(fields))
  else entries.delete(META)
}

/** Whether both say the same. */
export function sameMeta(a: Meta, b: Meta): boolean {
  return a === b || FIELDS.every((name) => a[name] === b[name])
}

/**
 * A record is empty when it says nothing about its visitor: no key, no message, no user.
 *
 * @param keepsPermanent Whether {@link PERMANENT} alone says something.
 */
export function isEmpty(entries: Entries, meta: Meta, keepsPermanent: boolean): boolean {
  if (meta.user !== undefined) return false
  for (const key of entries.keys()) {
    if (key !== META && (keepsPermanent || key !== PERMANENT)) return false
  }
  return true
}

/** Whether the record's cookie outlives the browser. */
export function isPermanent(entries: Entries, serializer: Serializer): boolean {
  const entry = entries.get(PERMANENT)
  return entry !== undefined && decodeOrNothing(entry, serializer) === true
}

/** A damaged reserved entry is no reason to fail a request. */
function decodeOrNothing(entry: unknown, serializer: Serializer): unknown {
  try {
    return serializer.decode(entry)
  } catch {
    return undefined
  }
}

function time(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function change(value: unknown): VerifierChange | undefined {
  return value === 'login' || value === 'regenerate' || value === 'renew' ? value : undefined
}

function times(value: unknown): Readonly<Record<string, number>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const known = Object.entries(value).filter((pair): pair is [string, number] =>
    Number.isFinite(pair[1]),
  )
  return known.length === 0 ? undefined : Object.fromEntries(known)
}

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
 * What a session knows about itself. Times are ms since the epoch. An absent field is not known, or does not apply; a
 * record that another library began has none.
 */
export interface Meta {
  /** When the session began. */
  readonly createdAt: number | undefined
  /** The user that `login` named. */
  readonly user: string | undefined
  /** When `login` was last called: the lifetime begins again then. */
  readonly loggedInAt: number | undefined
  /** The absolute end under the configuration that last wrote the record. */
  readonly until: number | undefined
  /** The longest pause between requests under that configuration, in ms. */
  readonly idle: number | undefined
  /** True: `until` and `idle` are the session's own and not the configuration's. */
  readonly own: true | undefined
  /** The hash of the verifier that the cookie holds. */
  readonly verifierHash: string | undefined
  /** The hash of the verifier before. */
  readonly previousHash: string | undefined
  /** Why the verifier took the place of the one before. */
  readonly changedBy: VerifierChange | undefined
  /** When the grace of the verifier before began: at the rotation; after a renewal, when the new one was first presented. */
  readonly graceFrom: number | undefined
  /** What a renewal derived the verifier from, besides the one before. */
  readonly nonce: string | undefined
  /** True: the user's list has this session. Not written yet; carried along. */
  readonly listed: true | undefined
  /** When each method last confirmed the user. Not written yet; carried along. */
  readonly factors: Readonly<Record<string, number>> | undefined
}

/** The names of the fields in the record: a format that stays. */
const NAMES = {
  createdAt: 'created',
  user: 'user',
  loggedInAt: 'loggedIn',
  until: 'until',
  idle: 'idle',
  own: 'own',
  verifierHash: 'v',
  previousHash: 'was',
  changedBy: 'how',
  graceFrom: 'at',
  nonce: 'nonce',
  listed: 'listed',
  factors: 'factors',
} as const satisfies Record<keyof Meta, string>

const FIELDS = Object.keys(NAMES) as readonly (keyof Meta)[]

/** A field of another type than its own counts as absent. */
function metaOf(fields: { readonly [Name in (typeof NAMES)[keyof Meta]]?: unknown }): Meta {
  return {
    createdAt: time(fields.created),
    user: text(fields.user),
    loggedInAt: time(fields.loggedIn),
    until: time(fields.until),
    idle: time(fields.idle),
    own: fields.own === true ? true : undefined,
    verifierHash: text(fields.v),
    previousHash: text(fields.was),
    changedBy: change(fields.how),
    graceFrom: time(fields.at),
    nonce: text(fields.nonce),
    listed: fields.listed === true ? true : undefined,
    factors: times(fields.factors),
  }
}

/** Nothing is known. */
export const NO_META: Meta = metaOf({})

/** Reads {@link META}. */
export function readMeta(entries: Entries, serializer: Serializer): Meta {
  const fields = decodeReserved(entries.get(META), serializer)
  return typeof fields === 'object' && fields !== null ? metaOf(fields) : NO_META
}

/** Writes {@link META}, or removes it when every field is absent. */
export function writeMeta(entries: Entries, serializer: Serializer, meta: Meta): void {
  const fields: Record<string, unknown> = {}
  let some = false
  for (const field of FIELDS) {
    if (meta[field] === undefined) continue
    fields[NAMES[field]] = meta[field]
    some = true
  }
  if (some) entries.set(META, serializer.encode(fields))
  else entries.delete(META)
}

/** Whether both say the same. */
export function sameMeta(a: Meta, b: Meta): boolean {
  return a === b || FIELDS.every((field) => a[field] === b[field])
}

/**
 * Whether a record says nothing about its visitor: no key, no message, no user.
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
  return decodeReserved(entries.get(PERMANENT), serializer) === true
}

/** A damaged reserved entry is no reason to fail a request: it counts as absent. */
export function decodeReserved(
  entry: unknown,
  serializer: Serializer,
  exactFloats = false,
): unknown {
  if (entry === undefined) return undefined
  try {
    return serializer.decode(entry, exactFloats)
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

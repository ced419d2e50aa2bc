/**
 * What a record holds besides the visitor's own keys: Flask's two reserved entries, and one of ours.
 *
 * @module
 */

import type { Entries, Serializer } from './serializer.ts'

/** True in a session whose cookie outlives the browser; Flask's name. */
export const PERMANENT = '_permanent'
/** The flashed messages, a list of (category, message); Flask's name. */
export const FLASHES = '_flashes'
/** Ours: a map of plain types, so that Flask carries it along unharmed. */
const META = '_vial'

const RESERVED: ReadonlySet<unknown> = new Set([PERMANENT, FLASHES, META])

/** Whether a key belongs to the session itself and not to the visitor's dictionary. */
export function isReserved(key: unknown): boolean {
  return RESERVED.has(key)
}

/** What the session knows about itself. */
export interface Meta {
  /** When it began, in ms since the epoch. Undefined in records that another library started. */
  readonly createdAt: number | undefined
  /** Whom `login` named. */
  readonly user: string | undefined
}

export const NO_META: Meta = { createdAt: undefined, user: undefined }

/** Reads {@link META}; anything that is not ours counts as nothing known. */
export function readMeta(entries: Entries, serializer: Serializer): Meta {
  const entry = entries.get(META)
  if (entry === undefined) return NO_META
  const value = decodeOrNothing(entry, serializer)
  if (typeof value !== 'object' || value === null) return NO_META
  const { created, user } = value as { readonly created?: unknown; readonly user?: unknown }
  return {
    createdAt: typeof created === 'number' && Number.isFinite(created) ? created : undefined,
    user: typeof user === 'string' ? user : undefined,
  }
}

/** Writes {@link META}, or removes it when there is nothing to say. */
export function writeMeta(entries: Entries, serializer: Serializer, meta: Meta): void {
  if (meta.createdAt === undefined && meta.user === undefined) entries.delete(META)
  else {
    entries.set(
      META,
      serializer.encode({
        ...(meta.createdAt !== undefined && { created: meta.createdAt }),
        ...(meta.user !== undefined && { user: meta.user }),
      }),
    )
  }
}

/**
 * A record is empty when it says nothing about its visitor: no key, no message, nobody logged in.
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

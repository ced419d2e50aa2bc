/**
 * The list of a user's sessions: one record of its own, in the store of the sessions.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { SerializationError } from '../../errors.ts'
import type { Label } from '../label.ts'

/** What the list says of one session. Times are ms since the epoch. */
export interface Listed {
  /** When it was added, or last logged in. */
  readonly at: number
  /** Its absolute end. */
  readonly until: number
  readonly label?: Label | undefined
}

/** The sessions of a user by their selectors, in the order in which they were added. */
export type UserList = ReadonlyMap<string, Listed>

/** Begins the key of a list. No selector has a colon. */
const PREFIX = 'user:'
/** No serializer takes bytes that begin so for a session's record. */
const FORMAT = 'vial.user.1 '

/** The key of a user's list. Both texts are prefixed with their length, so that no two pairs have one key. */
export function listKey(realm: string, user: string): string {
  const text = [realm, user].map((part) => `${part.length}:${part}`).join('')
  return PREFIX + hash('sha256', text, 'base64url')
}

/** @throws {SerializationError} When another program wrote something else under this key. */
export function readList(key: string, bytes: Uint8Array): UserList {
  const text = new TextDecoder().decode(bytes)
  const sessions = text.startsWith(FORMAT) ? parse(text.slice(FORMAT.length)) : undefined
  if (sessions !== undefined) return sessions
  throw new SerializationError(
    `The record ${key} is not the list of a user's sessions: another program wrote it. Delete it; the user's sessions are listed again when they next load.`,
  )
}

export function writeList(list: UserList): Uint8Array {
  return new TextEncoder().encode(FORMAT + JSON.stringify(Object.fromEntries(list)))
}

/** When a list ends: with the last of its sessions, and a minute for the clocks of other machines. */
export function endOfList(list: UserList): number {
  return Math.max(...Array.from(list.values(), ({ until }) => until)) + 60_000
}

function parse(json: string): UserList | undefined {
  let fields: unknown
  try {
    fields = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof fields !== 'object' || fields === null) return undefined
  const pairs = Object.entries(fields as Readonly<Record<string, Listed>>)
  const isList = pairs.every(([, one]) => Number.isFinite(one?.at) && Number.isFinite(one.until))
  return isList ? new Map(pairs) : undefined
}

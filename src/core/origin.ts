/**
 * What a session was loaded from, and what is written in its place.
 *
 * @module
 */

import type { Expiry } from './expiry.ts'
import type { Credential } from './ids.ts'
import type { Label } from './label.ts'
import type { Report } from './rebase.ts'
import type { Meta, VerifierChange } from './record.ts'
import type { Entries } from './serializer.ts'
import type { Version } from './store.ts'

/** The record that a session was loaded from. */
export interface Origin {
  /** What the cookie held, or holds now after a renewal. Undefined where the record travels in the cookie. */
  readonly credential: Credential | undefined
  readonly entries: Entries
  readonly meta: Meta
  /** Absent where nothing is compared, or where the store gives no version after a write. */
  readonly version?: Version
  /** When the record ends, in ms since the epoch. Undefined: not known. */
  readonly expiresAt: number | undefined
  /** When the cookie was sealed, in ms since the epoch. Absent: the seal does not say. */
  readonly sealedAt?: number | undefined
  /** Which key opened the cookie, by its place in the list of secrets. Undefined: the first, or there is none. */
  readonly keyIndex?: number | undefined
  /** Whether the presented verifier is the record's own, or was replaced by a login, `regenerate` or a renewal. */
  readonly standing: 'current' | 'superseded' | 'renewed'
}

/** What the cookies of a request led to, besides a session or in place of one. */
export interface Several {
  /** The session of the request. Undefined: it is anonymous, and what it writes is not stored. */
  readonly origin: Origin | undefined
  /** The other records. `login`, `regenerate` and `destroy` end them. */
  readonly beside: readonly Origin[]
  /** The number of different cookies of the name, where the response has to remove some. 0: it need not. */
  readonly cookies: number
}

/** A record that is ready to be written. */
export interface Draft {
  readonly entries: Entries
  readonly reports: readonly Report[]
  readonly meta: Meta
  /** What the record said before. */
  readonly before: Meta
  /** Nothing worth keeping is left. */
  readonly empty: boolean
  /** Its cookie outlives the browser. */
  readonly permanent: boolean
  /** What the login tells about the session. Absent: nothing. */
  readonly label?: Label | undefined
}

/** What a draft writes besides the handler's changes. */
export interface Stamp {
  readonly now: number
  readonly expiry: Expiry
  /** Undefined: the record keeps its own, or has none. */
  readonly verifier?: NewVerifier | undefined
  /** Whether the sessions of a user are listed. */
  readonly lists: boolean
}

/** A verifier that a commit gives to its record. */
export interface NewVerifier {
  readonly hash: string
  /** Absent: the record is new. */
  readonly changedBy?: VerifierChange
  readonly nonce?: string
}

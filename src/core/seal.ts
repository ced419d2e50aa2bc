/**
 * The contract of a seal: bytes ⇄ cookie text. A seal makes sure that nobody else made the text; some also hide it.
 *
 * @module
 */

/** Why a cookie was not honoured. Not an error: anyone can send anything. */
export type Rejection =
  /** Not the shape of such a cookie. */
  | 'malformed'
  /** The right shape, but not sealed with one of the keys, or for another cookie. */
  | 'forged'
  /** Past its time, or from the future. */
  | 'expired'
  /** A well-formed id that the store does not hold: ended, expired or never given out. */
  | 'unknown'
  /** The record is not of the format, or not what the `data` schema describes. */
  | 'invalid'
  /** Several different cookies of that name, more than one of them honoured. */
  | 'ambiguous'

export type Opened =
  /** `sealedAt` in ms since the epoch, where the format keeps it. The bytes may be given out again: nobody changes them. */
  | { readonly ok: true; readonly bytes: Uint8Array; readonly sealedAt?: number }
  | { readonly ok: false; readonly reason: Rejection }

/**
 * Both directions take the clock (ms since the epoch) and the name of the cookie, so that a format can bind a value to
 * its cookie. A seal made from several secrets seals with the first and opens with all.
 */
export interface Seal {
  readonly name: string
  /** Gives cookie text: only `A-Z a-z 0-9 - _ .`. Synchronous. */
  seal(bytes: Uint8Array, now: number, cookie: string): string
  /** Never throws, whatever the text. */
  open(text: string, now: number, cookie: string): Opened
}

/**
 * The contract of a seal: bytes ⇄ cookie text. A seal proves that a holder of the secret made the text. Some also hide
 * the content.
 *
 * @module
 */

/** Why a cookie was not honoured. This is not an error, as a client may send anything. */
export type Rejection =
  /** The text does not have the shape of such a cookie. */
  | 'malformed'
  /** The shape is right, but none of the keys sealed the text, or it was sealed for another cookie. */
  | 'forged'
  /** The text is too old, or was sealed in the future. */
  | 'expired'
  /** The id is well formed, but the store does not hold it: it ended, expired or was never issued. */
  | 'unknown'
  /** The record is not in the format of the serializer, or does not match the `data` schema. */
  | 'invalid'
  /** The verifier is not, or no longer, that of its record. Reported by the event `replayed`. */
  | 'replayed'
  /** The request has several different cookies of that name, and more than one is valid. */
  | 'ambiguous'

/** The result of opening a text. */
export type Opened =
  /**
   * `sealedAt` is in ms since the epoch, where the format has it. A caller must not change the bytes, as later results
   * may share them.
   */
  | { readonly ok: true; readonly bytes: Uint8Array; readonly sealedAt?: number }
  | { readonly ok: false; readonly reason: Rejection }

/**
 * Both directions take the time (ms since the epoch) and the name of the cookie, so that a format can bind a text to its
 * cookie. A seal with several secrets seals with the first and opens with all.
 */
export interface Seal {
  readonly name: string
  /** Gives cookie text of `A-Z a-z 0-9 - _ .` only. */
  seal(bytes: Uint8Array, now: number, cookie: string): string
  /** Never throws, whatever the text is. */
  open(text: string, now: number, cookie: string): Opened
}

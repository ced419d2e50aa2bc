/**
 * The contract of a seal: bytes ⇄ cookie text. A seal proves that a holder of the secret made the text. Some also hide
 * the content.
 *
 * @module
 */

/** The result of opening a text. That one does not open is no error, as a client may send anything. */
export type Opened =
  /**
   * `sealedAt` is in ms since the epoch, where the format has it. `keyIndex` is the place in the list of secrets, from 0,
   * of the key that opened the text; absent: it was the first. A caller must not change the bytes, as later results may
   * share them.
   */
  | {
      readonly ok: true
      readonly bytes: Uint8Array
      readonly sealedAt?: number
      readonly keyIndex?: number
    }
  /**
   * `malformed`: the text does not have the shape of such a cookie. `forged`: none of the keys sealed it, or it was
   * sealed for another cookie. `expired`: it is too old, or was sealed in the future.
   */
  | { readonly ok: false; readonly reason: 'malformed' | 'forged' | 'expired' }

/**
 * Both directions take the time (ms since the epoch) and the name of the cookie, so that a format can bind a text to its
 * cookie. A seal with several secrets seals with the first and opens with all.
 */
export interface Seal {
  readonly name: string
  /** The length of the shortest text that opens: a shorter one is not tried. Absent: not known. */
  readonly shortest?: number
  /** Gives cookie text of `A-Z a-z 0-9 - _ .` only. */
  seal(bytes: Uint8Array, now: number, cookie: string): string
  /** Never throws, whatever the text is. */
  open(text: string, now: number, cookie: string): Opened
}

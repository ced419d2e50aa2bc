/**
 * What the columns of the table hold: the name of an id, an instant as text in UTC, bytes. Text keeps an instant out of
 * reach of every time zone: the process's, the session's and the driver's.
 *
 * @module
 */

import { createHash } from 'node:crypto'

/** Printable ASCII that no driver escapes and no collation trims. */
const PLAIN = /^(?!sha256:)(?! )[ !#-&(-[\]-~]{1,255}(?<! )$/
const DIGEST = /^sha256:[0-9a-f]{64}$/

/** The last instant that every dialect can hold: 9999-12-31 23:59:59.999. */
const LAST = 253_402_300_799_999

/**
 * The `session_id` of an id: the id itself, where it is 1 to 255 characters of printable ASCII, without blanks at its
 * ends, quotes and backslashes; of any other the digest.
 */
export function nameOf(id: string): string {
  if (PLAIN.test(id)) return id
  const hash = createHash('sha256')
  // A lone surrogate has no UTF-8, so such an id goes in as UTF-16, after a byte that UTF-8 never has.
  if (/\p{Surrogate}/u.test(id)) hash.update(Uint8Array.of(0xff)).update(id, 'utf16le')
  else hash.update(id, 'utf8')
  return `sha256:${hash.digest('hex')}`
}

/** The id of a `session_id`; undefined for a digest. */
export function idOf(name: string): string | undefined {
  return DIGEST.test(name) ? undefined : name
}

/**
 * An instant as `YYYY-MM-DD HH:MM:SS.ffffff` in UTC. SQLite compares the text, so all digits are always there.
 *
 * @param at In ms since the epoch.
 * @param grain In ms; rounded up to it.
 */
export function instantText(at: number, grain = 1): string {
  const text = new Date(Math.min(Math.ceil(at / grain) * grain, LAST)).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}000`
}

/** The ms since the epoch, rounded up; undefined for what is no instant. */
export function parseInstant(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined
  const at = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 23)}Z`)
  if (Number.isNaN(at)) return undefined
  return /[1-9]/.test(text.slice(23)) ? at + 1 : at
}

/** Drivers tell a `Buffer` from other bytes, and bind it as bytes without exception. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * UTF-8 without replacement characters, and floats as text. JavaScript prints the same digits as Python and msgspec but
 * places the exponent otherwise.
 */

import { Buffer } from 'node:buffer'
import { fixedFloat, floatParts } from '../../core/values.ts'

const SHORT = 64
/** One character a byte; the same for ASCII, without the start of a decoder. */
const { latin1Slice } = Buffer.prototype
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of these bytes, a BOM included; undefined when they are not UTF-8. */
export function decodeUtf8(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): string | undefined {
  if (end - start <= SHORT) {
    let at = start
    while (at < end && (bytes[at] as number) < 0x80) at++
    if (at === end) return latin1Slice.call(bytes, start, end)
  }
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

/** As msgspec's JSON encoder: `1e16`, `1e-6`, `0.00001`. The value is finite. */
export function msgspecFloat(value: number): string {
  const [mantissa, exponent] = floatParts(value)
  return exponent >= -5 && exponent < 16 ? fixedFloat(value) : `${mantissa}e${exponent}`
}

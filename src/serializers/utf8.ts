/**
 * UTF-8 without replacement characters.
 *
 * @module
 */

const SHORT = 24
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of these bytes, a BOM included; undefined when they are not UTF-8. */
export function decodeUtf8(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): string | undefined {
  if (end - start <= SHORT) {
    let text = ''
    let at = start
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte > 0x7f) break
      text += String.fromCharCode(byte)
    }
    if (at === end) return text
  }
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

/** True when UTF-8 can hold this text: no half of a surrogate pair stands alone. */
export function isWellFormed(text: string): boolean {
  return text.isWellFormed()
}

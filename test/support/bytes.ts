/** Records of text, as the tests of stores write and read them. */

/** The bytes of a text. */
export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

/** The text of a record; undefined for none. */
export function content(record: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return record && new TextDecoder().decode(record.bytes)
}

/** An expiry that no test waits for. */
export const LATER: number = Date.now() + 3_600_000

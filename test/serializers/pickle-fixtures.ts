/** The vectors of `interop/fixtures/pickle-vectors.json`, which real Pythons wrote. */

import { readFileSync } from 'node:fs'

export interface Case {
  readonly name: string
  /** By protocol: hex, or the length and SHA-256 of what is large. */
  readonly pickles: Readonly<Record<string, string | { length: number; sha256: string }>>
}

interface Recorded {
  readonly python: string
  readonly vectors: readonly Case[]
}

interface Fixtures extends Recorded {
  readonly others: readonly Recorded[]
  readonly exploits: readonly { readonly name: string; readonly hex: string }[]
}

const file = new URL('../../interop/fixtures/pickle-vectors.json', import.meta.url)

export const fixtures: Fixtures = JSON.parse(readFileSync(file, 'utf8')) as Fixtures

export const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

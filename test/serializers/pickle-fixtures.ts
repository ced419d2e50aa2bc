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

interface ForeignCase {
  readonly name: string
  /** What `show` of `interop/generate/foreign_classes.py` says of the object. */
  readonly shown: string
  /** By protocol, in hex: `{'user': 'ann', 'held': [the object, 1]}`. */
  readonly pickles: Readonly<Record<string, string>>
}

const foreign = new URL('../../interop/fixtures/pickle-foreign.json', import.meta.url)

/** Pickles with objects of unknown classes. */
export const foreignCases: readonly ForeignCase[] = (
  JSON.parse(readFileSync(foreign, 'utf8')) as { cases: ForeignCase[] }
).cases

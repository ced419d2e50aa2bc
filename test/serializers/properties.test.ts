import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import type { Serializer } from 'vial'
import { SerializationError } from 'vial'
import { json } from 'vial/serializers/json'
import { msgpack } from 'vial/serializers/msgpack'
import { taggedJson } from 'vial/serializers/tagged-json'
import { describe, expect, it } from 'vitest'
import { jsonValue, msgpackValue, sessionKey, taggedValue } from './arbitraries.ts'

interface Format {
  readonly name: string
  readonly serializer: Serializer
  readonly value: fc.Arbitrary<unknown>
}

const formats: Format[] = [
  { name: 'msgpack', serializer: msgpack as Serializer, value: msgpackValue },
  { name: 'json', serializer: json as Serializer, value: jsonValue },
  { name: 'tagged-json', serializer: taggedJson as Serializer, value: taggedValue },
]

function recordOf(serializer: Serializer, pairs: readonly (readonly [string, unknown])[]) {
  return serializer.join(new Map(pairs.map(([key, value]) => [key, serializer.encode(value)])))
}

/** Bytes that are nearly a record: some overwritten, removed or doubled. */
function mutated(bytes: Uint8Array, edits: readonly [number, number, number][]): Uint8Array {
  let result = [...bytes]
  for (const [kind, place, byte] of edits) {
    const at = place % (result.length + 1)
    if (kind === 0) result[at] = byte
    else if (kind === 1) result.splice(at, 1)
    else if (kind === 2) result.splice(at, 0, byte)
    else result = result.slice(0, at)
  }
  return new Uint8Array(result)
}

/** Splits and decodes; anything but a {@link SerializationError} from a value fails the test. */
function read(serializer: Serializer, bytes: Uint8Array): void {
  const entries = serializer.split(bytes)
  if (entries === undefined) return
  for (const entry of entries.values()) {
    try {
      serializer.decode(entry)
    } catch (error) {
      expect(error).toBeInstanceOf(SerializationError)
    }
  }
  serializer.join(entries)
}

describe.each(formats)('$name', ({ serializer, value }) => {
  const records = fc.array(fc.tuple(sessionKey, value), { maxLength: 6 })
  const runs = { numRuns: 400 }

  it('brings every value of its domain back as it was', async () => {
    const test = (given: unknown) => {
      const entry = serializer.encode(given)
      expect(isDeepStrictEqual(serializer.decode(entry), given)).toBe(true)
      expect(serializer.equal(serializer.encode(serializer.decode(entry)), entry)).toBe(true)
    }
    await fc.assert(fc.property(value, test), runs)
  })

  it('gives a new value on each call', () => {
    const entry = serializer.encode([{ a: [1] }])
    const first = serializer.decode(entry) as [{ a: number[] }]
    first[0].a.push(2)
    expect(serializer.decode(entry)).toEqual([{ a: [1] }])
  })

  it('puts a record together again byte for byte', async () => {
    const test = (pairs: [string, unknown][]) => {
      const record = recordOf(serializer, pairs)
      const entries = serializer.split(record)
      expect(entries).toBeDefined()
      expect(new Set(entries?.keys())).toEqual(new Set(pairs.map(([key]) => key)))
      for (const [key, given] of new Map(pairs)) {
        expect(serializer.equal(entries?.get(key), serializer.encode(given))).toBe(true)
      }
      expect(serializer.join(entries ?? new Map())).toEqual(record)
    }
    await fc.assert(fc.property(records, test), runs)
  })

  it('splits or refuses any bytes, and decodes or refuses any entry', async () => {
    await fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => read(serializer, bytes)),
      {
        numRuns: 3000,
      },
    )
  })

  it('splits or refuses damaged records', async () => {
    const edit = fc.tuple(fc.nat(3), fc.nat(), fc.nat(255))
    const edits = fc.array(edit, { minLength: 1, maxLength: 4 })
    const test = (pairs: [string, unknown][], changes: [number, number, number][]) => {
      read(serializer, mutated(recordOf(serializer, pairs), changes))
    }
    await fc.assert(fc.property(records, edits, test), { numRuns: 2000 })
  })

  it('leaves the prototypes of objects alone', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const payload = Object.fromEntries(
      ['__proto__', 'constructor', 'toString', '1'].map((key) => [key, { polluted: true }]),
    )
    const entry = serializer.encode({ ...payload, ['__proto__']: { polluted: true } })
    const back = serializer.decode(entry) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.keys(back).sort()).toEqual(['1', '__proto__', 'constructor', 'toString'])
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: true })
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  })
})

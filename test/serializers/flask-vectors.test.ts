import { inflateSync } from 'node:zlib'
import type { Entries } from 'vial'
import { SerializationError } from 'vial'
import { taggedJson } from 'vial/serializers/tagged-json'
import { describe, expect, it } from 'vitest'
import { fromNotation, NotHere, vectors } from './notation.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

/** The JSON inside a cookie. The signature is not this serializer's business. */
function payload(cookie: string): Uint8Array {
  const isCompressed = cookie.startsWith('.')
  const bytes = Buffer.from(cookie.split('.')[isCompressed ? 1 : 0] ?? '', 'base64url')
  return new Uint8Array(isCompressed ? inflateSync(bytes) : bytes)
}

function decodeAll(entries: Entries<string> | undefined): [unknown, unknown][] | undefined {
  return entries && [...entries].map(([key, entry]) => [key, taggedJson.decode(entry)])
}

function pairs(value: unknown): [string, unknown][] {
  return Object.entries(value as Record<string, unknown>)
}

function encodeAll(record: unknown): string {
  const entries = pairs(record).map(([key, value]) => [key, taggedJson.encode(value)] as const)
  return text(taggedJson.join(new Map(entries)))
}

const sorted = (list: [unknown, unknown][] | undefined) =>
  [...(list ?? [])].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))

/** The JSON that is written here instead, and why. */
const writesOtherwise = new Map<string, (json: string) => string>([
  // Whole floats are integers here.
  [
    'floats',
    (json) => json.replace('1000000000000000.0', '1000000000000000').replace(':1.0,', ':1,'),
  ],
])

describe.each(vectors.cookie.serialize)('Flask writes $name', (vector) => {
  const recorded = vector.json_in_app_context

  it('the cookie holds the recorded JSON', () => {
    expect(text(payload(vector.cookie))).toBe(recorded)
  })

  it('goes back as it was', () => {
    const entries = taggedJson.split(payload(vector.cookie))
    expect(entries).toBeDefined()
    expect(text(taggedJson.join(entries ?? new Map()))).toBe(recorded)
  })

  it('means the same here', () => {
    const read = sorted(decodeAll(taggedJson.split(utf8(recorded))))
    expect(read).toEqual(sorted(pairs(fromNotation(vector.decoded))))
  })

  let input: unknown
  try {
    input = fromNotation(vector.input)
  } catch (error) {
    if (!(error instanceof NotHere)) throw error
    it('no such type here, so it cannot be written', () => expect(error.message).toBe('decimal'))
    return
  }
  it('written here, it is the same JSON', () => {
    expect(encodeAll(input)).toBe(writesOtherwise.get(vector.name)?.(recorded) ?? recorded)
  })
})

describe.each(vectors.cookie.serialize_edge)('Flask and $name', ({ name, input, error }) => {
  let value: unknown
  try {
    value = fromNotation(input)
  } catch {
    it('no such type here', () => expect(['complex', 'timedelta', 'time']).toContain(name))
    return
  }
  it(
    error === undefined ? 'the key would come back as text: refused' : 'refused there and here',
    () => {
      expect(() => encodeAll(value)).toThrow(SerializationError)
    },
  )
})

/** What Flask's `dict(session)` is; a function when the record is one, but a value in it is damaged. */
const signed = new Map<string, [unknown, unknown][] | undefined | 'damaged'>([
  ['signed_bad_json', undefined],
  ['signed_bad_utf8', undefined],
  ['signed_pairs_list', [['a', 1]]],
  ['signed_null', []],
  [
    'signed_nan',
    [
      ['a', Number.NaN],
      ['b', Number.POSITIVE_INFINITY],
      ['c', Number.NEGATIVE_INFINITY],
    ],
  ],
  ['signed_whitespace_json', [['a', 1]]],
  [
    'signed_js_order',
    [
      ['b', 1],
      ['a', 2],
    ],
  ],
  ['signed_bad_uuid', 'damaged'],
  ['signed_bad_date', [['a', null]]],
  ['signed_iso_date', [['a', null]]],
  ['signed_date_wrong_weekday', [['a', new Date('2024-02-29T12:34:56Z')]]],
  ['signed_bad_bytes', 'damaged'],
  ['signed_unknown_tag', [['a', { ' zz': 1 }]]],
  ['signed_di_no_suffix', [['a', { '': 1 }]]],
])

describe('Flask reads a signed cookie', () => {
  it('each of them is looked at here, but for the one whose compression is damaged', () => {
    const names = vectors.cookie.verify
      .map(({ name }) => name)
      .filter((n) => n.startsWith('signed_'))
    expect(names.filter((name) => !signed.has(name))).toEqual(['signed_bad_zlib'])
  })

  it.each([...signed])('%s', (name, expected) => {
    const { cookie = '' } = vectors.cookie.verify.find((vector) => vector.name === name) ?? {}
    const entries = taggedJson.split(payload(cookie))
    if (expected === 'damaged') {
      expect(entries?.size).toBe(1)
      expect(() => decodeAll(entries)).toThrow(SerializationError)
    } else expect(decodeAll(entries)).toEqual(expected)
  })
})

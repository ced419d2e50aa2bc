import { SerializationError } from 'vial'
import { json } from 'vial/serializers/json'
import { Ext, msgpack } from 'vial/serializers/msgpack'
import { describe, expect, it } from 'vitest'
import type { Slice } from '../../src/serializers/msgpack/read.ts'
import { bytesOf, hex, sliceOf } from './hex.ts'
import { fromNotation, NotHere, vectors } from './notation.ts'

const NO_TYPE = 'there is no such type here'
const FROM_TEXT = 'it would come back as text, so it is refused'
const NO_SET = 'it would come back as a list, so it is refused'

/** Where encoding differs from msgspec on purpose. */
const encodesOtherwise = {
  msgpack: new Map([
    ['set', NO_SET],
    ['frozenset', NO_SET],
    ['uuid', FROM_TEXT],
    ['dict_uuidkey', FROM_TEXT],
    ['dt_naive', NO_TYPE],
    ['dt_naive_nous', NO_TYPE],
    ['date', NO_TYPE],
    ['time', NO_TYPE],
    ['timedelta', NO_TYPE],
    ['timedelta_neg', NO_TYPE],
    ['timedelta_h', NO_TYPE],
    ['decimal_E', NO_TYPE],
    ['enum', NO_TYPE],
    ['ext', 'the notation does not hold its content: tested on its own below'],
    ['subint', 'a number has no subclasses here'],
  ]),
  json: new Map([
    ['float_inf', 'msgspec writes null, which is a loss, so it is refused'],
    ['bytes_empty', FROM_TEXT],
    ['bytes256', FROM_TEXT],
    ['bytearray', FROM_TEXT],
    ['dict_intkey', 'keys would come back as text, so a Map is refused'],
    ['dict_mixed', 'keys would come back as text, so a Map is refused'],
    ['dict_byteskey', 'keys would come back as text, so a Map is refused'],
    ['dt_utc', FROM_TEXT],
    ['dt_utc_us', FROM_TEXT],
    ['dt_2106', FROM_TEXT],
    ['dt_2514', FROM_TEXT],
    ['dt_min', FROM_TEXT],
    ['dt_max', FROM_TEXT],
    ['dt_zoneinfo', FROM_TEXT],
  ]),
}
for (const name of encodesOtherwise.msgpack.keys()) {
  if (name !== 'ext') encodesOtherwise.json.set(name, 'as in MessagePack')
}

function encodedMsgpack(input: unknown): string {
  return hex(msgpack.join(new Map([['v', msgpack.encode(input)]])))
}

function encodedJson(input: unknown): string {
  return Buffer.from(json.join(new Map([['v', json.encode(input)]]))).toString()
}

/** The text, the error, or undefined when there is no such value here. */
function outcome(name: keyof typeof encodesOtherwise, input: () => unknown): unknown {
  try {
    return name === 'msgpack' ? encodedMsgpack(input()) : encodedJson(input())
  } catch (error) {
    return error instanceof NotHere ? undefined : error
  }
}

describe.each(vectors.msgspec.cases)('msgspec encodes $name', ({ name, input, ...recorded }) => {
  for (const format of ['msgpack', 'json'] as const) {
    const known = recorded[format]
    const result = outcome(format, () => fromNotation(input))
    const reason = encodesOtherwise[format].get(name)
    if (reason !== undefined) {
      it(`${format}: differs on purpose (${reason})`, () => {
        if (result instanceof Error) expect(result).toBeInstanceOf(SerializationError)
        expect(result).not.toBe(known.hex ?? known.text)
      })
    } else if (known.encode_error === undefined) {
      it(`${format}: the same here`, () => expect(result).toBe(known.hex ?? known.text))
    } else {
      it(`${format}: refused here, too`, () => {
        if (result !== undefined) expect(result).toBeInstanceOf(SerializationError)
      })
    }
  }
})

const decodable = vectors.msgspec.cases.filter((one) => one.msgpack.hex ?? one.json.text)

describe.each(decodable)('msgspec decodes $name', ({ name, msgpack: m, json: j }) => {
  const { hex: record, decoded = null } = m
  const { text, decoded: fromText = null } = j
  const fromRecord = 'from MessagePack, and it goes back as it was'
  if (record !== undefined)
    it(fromRecord, () => {
      const entries = msgpack.split(bytesOf(record))
      expect([...(entries ?? [])].map(([key]) => key)).toEqual(['v'])
      expect(hex(msgpack.join(entries ?? new Map()))).toBe(record)
      const value = msgpack.decode(entries?.get('v') as Slice)
      if (name === 'ext') expect(value).toEqual(new Ext(5, bytesOf('6162')))
      else if (name === 'dict_tuplekey') expect(value).toEqual(new Map([[[1, 2], 3]]))
      else expect(value).toEqual(fromNotation(decoded))
      expect(hex(msgpack.encode(value))).toBe(record.slice('81a176'.length))
    })
  if (text !== undefined)
    it('from JSON, and it goes back as it was', () => {
      const entries = json.split(Buffer.from(text))
      expect([...(entries ?? [])].map(([key]) => key)).toEqual(['v'])
      expect(Buffer.from(json.join(entries ?? new Map())).toString()).toBe(text)
      const value = json.decode(entries?.get('v') as string)
      expect(value).toEqual(fromNotation(fromText))
      if (name !== 'dict_mixed') expect(json.encode(value)).toBe(text.slice(5, -1))
    })
})

/** Where reading differs from msgspec on purpose: the value that comes out here. */
const readsOtherwise = new Map<string, [value: unknown, reason: string]>([
  ['fixext1', [new Ext(5, bytesOf('01')), 'the notation does not hold the content']],
  [
    'ts96_out_of_range',
    [new Ext(-1, bytesOf('000000000004000000000000')), 'kept, as another key may be what is asked'],
  ],
  [
    'map_array_key',
    [new Map([[[1, 2], 'x']]), 'a list is a key of a Map, so none becomes a tuple'],
  ],
])

describe.each(vectors.msgspec.decode)('msgspec reads $name', ({ name, format, ...recorded }) => {
  const bytes = bytesOf(recorded.hex)
  if (format === 'json') {
    const read = () => {
      const entries = json.split(bytes)
      if (entries === undefined) return undefined
      return Object.fromEntries([...entries].map(([key, entry]) => [key, json.decode(entry)]))
    }
    if (recorded.decoded !== undefined) {
      it('the same here', () => expect(read()).toEqual(fromNotation(recorded.decoded ?? null)))
    } else {
      it('an error: refused here, too', () => {
        if (json.split(bytes) !== undefined) expect(read).toThrow(SerializationError)
      })
    }
    return
  }
  const special = readsOtherwise.get(name)
  if (special !== undefined) {
    it(`otherwise here (${special[1]})`, () => {
      const value = msgpack.decode(sliceOf(bytes))
      expect(value).toEqual(special[0])
      expect(hex(msgpack.encode(value))).toBe(recorded.hex)
    })
  } else if (recorded.decoded !== undefined) {
    it('the same here', () => {
      expect(msgpack.decode(sliceOf(bytes))).toEqual(fromNotation(recorded.decoded ?? null))
    })
  } else {
    it('an error: refused here, too', () => {
      expect(msgpack.split(bytes)).toBeUndefined()
      expect(() => msgpack.decode(sliceOf(bytes))).toThrow(SerializationError)
    })
  }
})

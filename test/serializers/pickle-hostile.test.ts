/** Pickles that are small and would be large, or would go on for ever. */

import { pickle, readPickle } from 'vial/serializers/pickle'
import { describe, expect, it } from 'vitest'

const MILLION = 1_000_000
const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const times = (text: string, count: number) => text.repeat(count)

/** A tuple of lists, each ten times the one before: the last is ten to the power of `levels` times one text. */
function laughs(levels: number): string {
  let text = '(X\x03\0\0\0lolq\0'
  for (let level = 0; level < levels; level++) {
    const references = times(`h${String.fromCharCode(level)}`, 10)
    text += `](${references}eq${String.fromCharCode(level + 1)}`
  }
  return `${text}t.`
}

const zoneOf = (parts: string) => `cdatetime\ntimezone\n(cdatetime\ntimedelta\n(${parts}tRtR.`

const rows: readonly (readonly [name: string, pickle: string, how: RegExp])[] = [
  ['nothing', '', /cut off/],
  ['no value', '.', /ends too early/],
  ['two values', 'NN.', /ends too early/],
  ['a mark that stays', '(N.', /ends too early/],
  ['an end inside a mark', 'N(.', /ends too early/],
  ['a text of 4 GiB', 'X\xff\xff\xff\xffabc.', /cut off/],
  ['a text of 16 EiB', `\x80\x04\x8d${times('\xff', 8)}abc.`, /cut off/],
  ['bytes of 16 EiB', `\x80\x04\x8e${times('\xff', 8)}abc.`, /cut off/],
  ['a bytearray of 8 EiB', `\x80\x05\x96${times('\xff', 7)}\x7f.`, /cut off/],
  ['a frame of 16 EiB', `\x80\x04\x95${times('\xff', 8)}N.`, /cut off/],
  ['a string of a negative length', 'T\xff\xff\xff\xffabc.', /length in it is negative/],
  ['an integer of a negative length', '\x80\x02\x8b\xff\xff\xff\xff.', /length in it is negative/],
  ['an integer of 2 GiB', '\x80\x02\x8b\xff\xff\xff\x7f.', /longer than 4300 digits/],
  ['an integer of a million bytes', `\x8b\x40\x42\x0f\0${times('\x7f', MILLION)}.`, /4300 digits/],
  ['an integer of a million digits', `L${times('9', MILLION)}L\n.`, /4300 digits/],
  ['a float of a million digits', `F${times('9', MILLION)}x\n.`, /number in it is wrong/],
  ['a line without an end', `V${times('a', MILLION)}`, /line in it does not end/],
  ['a memo that was not written', 'h\0.', /refers to nothing/],
  ['a memo of a number that is none', 'Np-1\n.', /number in it is wrong/],
  ['lists in each other', `${times(']', 300_000)}${times('a', 299_999)}.`, /nests deeper than 128/],
  ['tuples in each other', `N${times('\x85', 300_000)}.`, /nests deeper than 128/],
  ['two million marks', times('(', 2 * MILLION), /cut off|too much/],
  ['four million values', `(${times('N', 4 * MILLION)}l.`, /takes too much to read/],
  ['a list that holds itself', ']q\0h\0a.', /holds itself/],
  ['a dictionary that holds itself', '}q\0K\x01h\0s.', /holds itself/],
  ['a tuple that holds itself', ']q\0h\0\x85a.', /holds itself/],
  [
    'a default dictionary that holds itself',
    'ccollections\ndefaultdict\n)Rq\0K\x01h\0s.',
    /itself/,
  ],
  ['a billion references to one text', laughs(9), /takes more than 33554432 bytes/],
  ['10^100 references to one text', laughs(100), /takes more than 33554432 bytes/],
  ['a list as a key', '}]Ns.', /as a key or in a set, which Python refuses/],
  ['a list in a tuple as a key', '}]\x85Ns.', /as a key or in a set, which Python refuses/],
  ['a list in a set', '\x8f(]\x90.', /as a key or in a set, which Python refuses/],
  ['a key without a value', '}(Nu.', /key in it has no value/],
  ['a key for a list', ']NNs.', /adds to what is no dict/],
  ['an item for a text', 'VA\nNa.', /adds to what is no list/],
  ['an item for a tuple', ')Na.', /adds to what is no list/],
  ['an item for a frozenset', '(\x91(N\x90.', /adds to what is no set/],
  ['protocol 6', '\x80\x06N.', /protocol is newer/],
  ['a protocol in the middle', 'N\x80\x04.', /opcode 0x80/],
  ['a zone of a day', zoneOf('K\x01K\0K\0'), /calls datetime.timezone with other arguments/],
  [
    'a zone of minus a day',
    zoneOf('J\xff\xff\xff\xffK\0K\0'),
    /calls datetime.timezone with other/,
  ],
  [
    'a time span of negative seconds',
    zoneOf('K\0J\xff\xff\xff\xffK\0'),
    /calls datetime.timedelta/,
  ],
  ['the 30th of February', 'cdatetime\ndate\n(U\x04\x07\xe8\x02\x1etR.', /a date in it is wrong/],
  ['a quarter past 24', 'cdatetime\ntime\n(U\x06\x18\x0f\0\0\0\0tR.', /a time in it is wrong/],
  ['a name alone', 'cdatetime\ndatetime\n.', /holds datetime.datetime as a value/],
  ['a text that is not UTF-8', '\x8c\x01\xff.', /not UTF-8/],
  ['a text of half a surrogate cut off', '\x8c\x02\xed\xa0.', /not UTF-8/],
]

describe('is refused', () => {
  it.each(rows)('%s', (_, text, how) => {
    expect(() => readPickle(ascii(text))).toThrow(how)
    expect(pickle().split(ascii(text))).toBeUndefined()
  })

  it('copies of one list in many sets', () => {
    const list = `](${times('K\x01', 10_000)}eq\0`
    const set = 'cbuiltins\nset\nq\x01'
    const bomb = `(${list}${set}${times('h\x01h\0\x85R', 100_000)}l.`
    expect(() => readPickle(ascii(bomb))).toThrow('takes too much to read')
  })

  it('copies of one text as bytes', () => {
    const text = `X\x40\x42\x0f\0${times('a', MILLION)}q\0`
    const encode = 'c_codecs\nencode\nq\x01Vlatin1\nq\x02'
    const bomb = `(${text}${encode}${times('h\x01h\0h\x02\x86R', 10_000)}l.`
    expect(() => readPickle(ascii(bomb))).toThrow('takes too much to read')
  })

  it('more than 64 MiB', () => {
    const bytes = new Uint8Array(2 ** 26 + 1)
    expect(() => readPickle(bytes)).toThrow('it is larger than 67108864 bytes')
  })
})

describe('is read', () => {
  it('a memo of the number four billion costs nothing', () => {
    expect(readPickle(ascii('](Nr\xff\xff\xff\xffj\xff\xff\xff\xffe.'))).toEqual([null, null])
  })

  it('a thousand references to one text', () => {
    const last = (readPickle(ascii(laughs(3))) as unknown[]).at(-1) as unknown[][][]
    expect(last.flat(2)).toEqual(Array.from({ length: 1000 }, () => 'lol'))
  })

  it('names of the prototype are data', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const text = '}(V__proto__\n}Vpolluted\nI01\nsVconstructor\nNVtoString\nNu.'
    const value = readPickle(ascii(text)) as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString'])
    expect(Object.getOwnPropertyDescriptor(value, '__proto__')?.value).toEqual({ polluted: true })
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect([...(pickle().split(ascii(text))?.keys() ?? [])]).toEqual([...Object.keys(value)])
  })
})

/** Objects of Python classes that are unknown here: read, given back as they came, and never taken for data. */

import { SerializationError } from 'vial'
import { msgpack } from 'vial/serializers/msgpack'
import { pickle, readPickle, writePickle } from 'vial/serializers/pickle'
import { Float, Foreign } from 'vial/serializers/python-values'
import { describe, expect, it } from 'vitest'
import { bytesOf, foreignCases } from './pickle-fixtures.ts'

const CLASSES = 'foreign_classes'
const pickleOf = (name: string, protocol: number): Uint8Array => {
  const found = foreignCases.find((recorded) => recorded.name === name)
  return bytesOf(found?.pickles[protocol] ?? '')
}
const read = (name: string, protocol: number): Foreign => {
  const { held } = readPickle(pickleOf(name, protocol)) as { held: [Foreign, number] }
  return held[0]
}

describe('has the parts that Python put in', () => {
  it.each([0, 1, 2, 3, 4, 5])('in protocol %i', (protocol) => {
    const token = read('OAuth2Token', protocol)
    expect(token.class).toEqual({ module: CLASSES, name: 'OAuth2Token' })
    // Whole floats are exact, so that they go back as floats.
    expect(token.state).toEqual({ fetched_at: new Float(1700000000) })
    const content = { access_token: 's3cret', expires_at: 1700003600, ratio: new Float(1) }
    const made = protocol < 2 ? token.args : [Object.fromEntries(token.pairs)]
    expect(made).toEqual([content])
    const { state } = read('ObjectId', protocol)
    expect(state).toEqual(new Uint8Array(Buffer.from('65a1b2c3d4e5f60718293a4b', 'hex')))
    const cart = read('a dataclass', protocol)
    const items = [{ sku: 'pear', price: new Float(2) }]
    expect(cart.state).toEqual({ items, total: new Float(2) })
    const history = read('a list', protocol)
    expect(protocol < 2 ? history.args : [history.items]).toEqual([['/', '/cart']])
  })

  it('with keyword arguments, and of a nested class', () => {
    for (const protocol of [4, 5]) {
      expect(read('keyword arguments', protocol).keywords).toEqual({ key: 'k' })
      expect(read('a nested class', protocol).class.name).toBe('Cart.Line')
    }
  })
})

describe('goes back as it came', () => {
  const cases = foreignCases.flatMap(({ name, pickles }) =>
    Object.entries(pickles).map(([from, hex]) => ({ name, from: Number(from), hex })),
  )

  // Before protocol 4 these are calls of `functools.partial` and `getattr`.
  const unreadable = ({ name, from }: { name: string; from: number }): boolean =>
    (name === 'keyword arguments' && (from === 2 || from === 3)) ||
    (name === 'a nested class' && from < 4)

  it.each(cases.filter((found) => !unreadable(found)))(
    '$name of protocol $from',
    ({ name, hex }) => {
      for (const protocol of [0, 4, 5] as const) {
        // Protocol 0 cannot name a nested class.
        if (protocol === 0 && name === 'a nested class') continue
        const { split, join, decode, encode, equal } = pickle({ protocol })
        const entries = split(bytesOf(hex)) ?? new Map()
        const held = entries.get('held')
        expect(held.hasForeign).toBe(true)
        expect(entries.get('user').hasForeign).toBe(false)
        expect(readPickle(join(entries))).toEqual(readPickle(bytesOf(hex)))
        // Also when a value that holds it was taken out and put back.
        expect(equal(encode(decode(held)), held)).toBe(true)
      }
    },
  )

  it.each(cases.filter(unreadable))('but $name of protocol $from is no record', ({ hex }) => {
    expect(pickle().split(bytesOf(hex))).toBeUndefined()
    expect(() => readPickle(bytesOf(hex))).toThrow('it names')
  })

  it('in protocol 0 a nested class is refused, with the fix', () => {
    const entries = pickle().split(pickleOf('a nested class', 4)) ?? new Map()
    expect(() => pickle({ protocol: 0 }).join(entries)).toThrow(
      'nested class, which protocol 0 cannot name: write protocol 4 or 5.',
    )
  })
})

describe('is never taken for data', () => {
  const token = read('OAuth2Token', 4)
  const ways: readonly (readonly [string, () => unknown, string])[] = [
    ['a template', () => `${token as unknown as string}`, 'text'],
    ['String()', () => String(token), 'text'],
    ['toString()', () => token.toString(), 'text'],
    ['Number()', () => Number(token), 'a number'],
    ['arithmetic', () => 1 + (token as unknown as number), 'text'],
    ['valueOf()', () => token.valueOf(), 'a number'],
    ['JSON', () => JSON.stringify({ token }), 'JSON'],
  ]

  it.each(ways)('by %s', (_, use, what) => {
    expect(use).toThrow(SerializationError)
    expect(use).toThrow(
      `Python's ${CLASSES}.OAuth2Token cannot be ${what} here, as only Python has the class: read its`,
    )
  })

  it('by another format', () => {
    expect(() => msgpack.encode({ token })).toThrow(/at token is an instance of Foreign/)
  })
})

describe('is no way in', () => {
  const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
  const rows: readonly (readonly [string, string, string])[] = [
    ['a call of an unknown name', "cos\nsystem\n(S'true'\ntR.", 'it names os.system'],
    ['a class as a value', 'capp\nCart\n.', 'it names app.Cart'],
    ['a class in a state', 'capp\nCart\n)\x81}X\x01\0\0\0kcos\nsystem\nsb.', 'it names os.system'],
    ['a cycle', 'capp\nCart\n)\x81q\0}X\x01\0\0\0kh\0sb.', 'nests deeper than 128 levels'],
    ['a second state', 'capp\nCart\n)\x81}b}b.', 'it sets the state of an object'],
    ['items after the state', 'capp\nCart\n)\x81}bNa.', 'it adds to what is no list'],
    ['no class', '](t\x81.', 'it makes an object that is not data'],
    ['no arguments', 'capp\nCart\n]\x81.', 'it makes an object that is not data'],
    ['keywords of no string', '\x80\x04capp\nCart\n)}K\x01Ns\x92.', 'an object that is not data'],
    ['a name with a space', 'cap p\nCart\n)\x81.', 'it names what cannot be a name'],
    [
      'a name with a line feed',
      '\x80\x04\x8c\x03app\x8c\x0cCart\nNcos\nx.\x93)\x81.',
      'it names what cannot be a name',
    ],
  ]

  it.each(rows)('%s', (_, text, how) => {
    expect(() => readPickle(ascii(text))).toThrow(how)
    expect(
      pickle().split(ascii(`}X\x01\0\0\0k${text.replace('\x80\x04', '').slice(0, -1)}s.`)),
    ).toBe(undefined)
  })

  it('a name that a program makes up', () => {
    const made = () => new Foreign({ class: { module: 'app\nNcos', name: 'system' } })
    expect(made).toThrow('Not the name of a Python class: pass its module and name.')
  })

  it('one that a program makes is written as it says', () => {
    const line = new Foreign({ class: { module: 'app', name: 'Line' }, args: [1], state: { a: 1 } })
    expect(readPickle(writePickle([line, line]))).toEqual([line, line])
  })
})

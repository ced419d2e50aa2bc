import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MetaReply, ProtocolError, replyParser } from '../../src/stores/memcached/protocol.ts'

/** What comes of bytes that arrive in these pieces. */
function parse(chunks: readonly Uint8Array[]): MetaReply[] {
  const replies: MetaReply[] = []
  const push = replyParser((reply) => replies.push(reply))
  for (const chunk of chunks) push(chunk)
  return replies
}

/** Cuts where the numbers say. */
function split(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].sort(
    (a, b) => a - b,
  )
  return places.slice(1).map((end, index) => whole.subarray(places[index], end))
}

const token = fc.stringMatching(/^[A-Za-z][!-~]{0,12}$/)
const flags = fc.array(token, { maxLength: 4 }).map((tokens) => tokens.join(' '))
const words = fc.stringMatching(/^[!-~][ -~]{0,40}$/).map((text) => text.trim())
const value = fc.uint8Array({ maxLength: 300 })

const reply: fc.Arbitrary<MetaReply> = fc.oneof(
  fc.record({
    code: fc.constantFrom('HD', 'EN', 'NS', 'EX', 'NF', 'MN', 'STORED'),
    rest: flags,
  }),
  fc.record({ code: fc.constantFrom('ERROR', 'CLIENT_ERROR', 'SERVER_ERROR'), rest: words }),
  fc.record({ code: fc.constant('VA' as const), rest: flags, value }),
)

function encode({ code, rest, value: data }: MetaReply): Buffer {
  const size = data === undefined ? '' : ` ${data.length}`
  const line = Buffer.from(`${code}${size}${rest === '' ? '' : ` ${rest}`}\r\n`, 'latin1')
  return data === undefined ? line : Buffer.concat([line, data, Buffer.from('\r\n')])
}

test('any replies in any pieces are the same replies', () => {
  fc.assert(
    fc.property(
      fc.array(reply, { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (replies, cuts) => {
        expect(parse(split(Buffer.concat(replies.map(encode)), cuts))).toEqual(replies)
      },
    ),
  )
})

test('any replies, a byte at a time, are the same replies', () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 4 }), (replies) => {
      const whole = Buffer.concat(replies.map(encode))
      expect(parse([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(replies)
    }),
  )
})

test('a value that holds replies is one value', () => {
  const inner = Buffer.from('END\r\nHD\r\nVA 3 c1\r\nabc\r\n')
  const whole = encode({ code: 'VA', rest: 'c9', value: inner })
  for (let cut = 0; cut <= whole.length; cut++) {
    expect(parse(split(whole, [cut]))).toEqual([
      { code: 'VA', rest: 'c9', value: new Uint8Array(inner) },
    ])
  }
})

test('a value does not change when the memory it came in is used again', () => {
  const whole = encode({ code: 'VA', rest: '', value: Uint8Array.of(1, 2, 3) })
  const [found] = parse([whole])
  whole.fill(0)
  expect(found?.value).toEqual(Uint8Array.of(1, 2, 3))
})

test('any bytes whatever are replies or a ProtocolError, in any pieces the same', () => {
  const outcome = (chunks: readonly Uint8Array[]): unknown[] => {
    const seen: unknown[] = []
    const push = replyParser((one) => seen.push(one))
    try {
      for (const chunk of chunks) push(chunk)
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError)
      seen.push((error as Error).message)
    }
    return seen
  }
  const near = fc
    .array(
      fc.oneof(
        reply.map(encode),
        fc.uint8Array({ maxLength: 8 }),
        fc.constantFrom('\n', '\r', 'VA ', '2', ' c').map((text) => Buffer.from(text)),
      ),
      { maxLength: 5 },
    )
    .map((parts) => Buffer.concat(parts))
  fc.assert(
    fc.property(
      fc.oneof(near, fc.uint8Array({ maxLength: 200 })),
      fc.array(fc.nat()),
      (whole, cuts) => {
        expect(outcome(split(whole, cuts))).toEqual(outcome([whole]))
      },
    ),
  )
})

test.each([
  ['another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
  ['the classic protocol', 'VALUE a 0 1\r\nx\r\nEND\r\n'],
  ['a line of a line feed alone', 'HD\n'],
  ['an empty line', '\r\n'],
  ['a code in small letters', 'hd\r\n'],
  ['a code with more behind it', 'HDX\r\n'],
  ['a control character among the flags', 'HD c1\u0000\r\n'],
  ['a flag that is no letter', 'HD 1\r\n'],
  ['a value without a size', 'VA c1\r\n'],
  ['a negative size', 'VA -1\r\n'],
  ['a size in another notation', 'VA 1e3\r\n'],
  ['a size beyond any item', 'VA 1073741825\r\n'],
  ['a value that goes on', 'VA 1\r\nxx\r\n'],
  ['a value that ends early', 'VA 3\r\nx\r\nHD\r\n'],
  ['a line without an end', 'H'.repeat(3_000)],
])('%s is a ProtocolError', (_, text) => {
  expect(() => parse([Buffer.from(text)])).toThrow(ProtocolError)
})

test('what was complete before the nonsense is reported', () => {
  const replies: MetaReply[] = []
  const push = replyParser((one) => replies.push(one))
  expect(() => push(Buffer.from('HD c1\r\nwhat?\r\n'))).toThrow(ProtocolError)
  expect(replies).toEqual([{ code: 'HD', rest: 'c1' }])
})

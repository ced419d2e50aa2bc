import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hmac } from '../../src/seals/hmac.ts'

const bytes = fc.uint8Array({ maxLength: 200 })
const message = fc.oneof(
  fc.uint8Array({ maxLength: 9_000 }),
  fc.string({ unit: 'binary', maxLength: 3_000 }),
  // Half a surrogate pair becomes U+FFFD in both.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 })
    .map((units) => String.fromCharCode(...units)),
)

test.each(['sha1', 'sha256'] as const)('gives what createHmac of %s gives', (algorithm) => {
  fc.assert(
    fc.property(bytes, fc.array(message, { minLength: 1, maxLength: 4 }), (key, messages) => {
      const own = hmac(algorithm, key)
      for (const text of messages) {
        const theirs = createHmac(algorithm, key).update(text).digest()
        expect(own.sign(text, 'base64url')).toBe(theirs.toString('base64url'))
        expect(own.verify(text, theirs)).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})

test('refuses every changed bit, every other length, and another message', () => {
  const own = hmac('sha256', Buffer.from('key'))
  const signature = Buffer.from(own.sign('message', 'binary'), 'latin1')
  for (let bit = 0; bit < signature.length * 8; bit++) {
    const changed = Buffer.from(signature)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    expect(own.verify('message', changed)).toBe(false)
  }
  for (let length = 0; length < signature.length; length++) {
    expect(own.verify('message', signature.subarray(0, length))).toBe(false)
  }
  expect(own.verify('message', Buffer.concat([signature, Buffer.of(0)]))).toBe(false)
  expect(own.verify('messagf', signature)).toBe(false)
})

// RFC 4231, section 4.7: a key longer than a block.
test('keeps a vector of RFC 4231', () => {
  const own = hmac('sha256', Buffer.alloc(131, 0xaa))
  const code = own.sign('Test Using Larger Than Block-Size Key - Hash Key First', 'binary')
  expect(Buffer.from(code, 'latin1').toString('hex')).toBe(
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  )
})

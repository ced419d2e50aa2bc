import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encrypted } from '../../src/seals/encrypted.ts'

const SECRET = 'an-example-for-tests-0123456789abcdef'
const OTHER = 'one-more-example-for-tests-fedcba9876543210'
const NAME = '__Host-session'
const NOW = 1_700_000_000_123
const HEAD = 21
const counting = (size: number) => Uint8Array.from({ length: size }, (_, index) => index)

/** Made with Python's `hmac` and the command `openssl enc` from the description at the head of the module. */
const GOLDEN = 'ArVnVxUAAQIDBAUGBwgJCgsAAAAAOe5wiXZoBPupAuA8cjwyqGiyJPgNbn5TVE_xP6A'

const seal = encrypted({ secret: SECRET })
const json = Buffer.from('{"a":1}')
const text = seal.seal(json, NOW, NAME)
const raw = Buffer.from(text, 'base64url')
const reopen = (bytes: Uint8Array, now = NOW) =>
  seal.open(Buffer.from(bytes).toString('base64url'), now, NAME)
const rejected = (reason: string) => ({ ok: false, reason })

describe('encrypted', () => {
  it('keeps its format: a text of version 2 opens for ever', () => {
    const fixed = encrypted({ secret: SECRET, randomBytes: counting })
    expect(fixed.seal(json, NOW, NAME)).toBe(GOLDEN)
    expect(seal.open(GOLDEN, NOW, NAME)).toEqual({ ok: true, bytes: json, sealedAt: NOW })
  })

  it('opens what it sealed: any bytes, time and cookie', () => {
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), time, fc.string(), (bytes, now, name) => {
        const sealed = seal.seal(bytes, now, name)
        expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/)
        const opened = seal.open(sealed, now, name)
        expect(opened).toEqual({ ok: true, bytes: Buffer.from(bytes), sealedAt: now })
      }),
      { numRuns: 2_000 },
    )
  })

  it('opens bytes that are a part of a larger buffer, and floors the time', () => {
    const part = new Uint8Array([9, 9, 1, 2, 3, 9]).subarray(2, 5)
    const opened = seal.open(seal.seal(part, NOW + 0.7, NAME), NOW, NAME)
    expect(opened).toEqual({ ok: true, bytes: Buffer.from([1, 2, 3]), sealedAt: NOW })
  })

  it('hides the bytes, and never gives the same text twice', () => {
    const texts = Array.from({ length: 1_000 }, () => seal.seal(json, NOW, NAME))
    expect(new Set(texts).size).toBe(1_000)
    const inside = Buffer.from(seal.seal(Buffer.from('user=bob'), NOW, NAME), 'base64url')
    expect(inside.includes('bob')).toBe(false)
  })

  it('does not compress: equal lengths in, equal lengths out', () => {
    const length = (bytes: Buffer) => seal.seal(bytes, NOW, NAME).length
    expect(length(Buffer.alloc(999))).toBe(
      length(Buffer.from(Array.from({ length: 999 }, (_, i) => i * 7))),
    )
  })

  it('rejects every flipped bit [B1]', () => {
    for (let bit = 0; bit < raw.length * 8; bit++) {
      const flipped = Buffer.from(raw)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(reopen(flipped)).toEqual(rejected(bit < 8 ? 'malformed' : 'forged'))
    }
  })

  it('rejects every truncation, of the text and of the bytes [B2]', () => {
    for (let length = 0; length < text.length; length++) {
      expect(seal.open(text.slice(0, length), NOW, NAME).ok).toBe(false)
    }
    for (let length = 0; length < raw.length; length++) {
      expect(reopen(raw.subarray(0, length)).ok).toBe(false)
      if (length > 0) expect(reopen(raw.subarray(length)).ok).toBe(false)
    }
  })

  it.each([
    ['appended bytes', () => Buffer.concat([raw, Buffer.of(0)]).toString('base64url')],
    ['padding', () => `${text}==`],
    ['one padding character', () => `${text}=`],
    ['the other alphabet', () => GOLDEN.replace(/[-_]/, (one) => (one === '-' ? '+' : '/'))],
    ['blanks around', () => ` ${text}`],
    ['a line break at the end', () => `${text}\n`],
    ['a foreign character', () => `${text.slice(0, 9)}!${text.slice(9)}`],
    ['quotes', () => `"${text}"`],
    ['nothing', () => ''],
  ])('rejects %s [B2]', (_, other) => {
    expect(seal.open(other(), NOW, NAME).ok).toBe(false)
  })

  it('rejects other spellings of the same bytes [B2]', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const sealed = [1, 2, 3].map((length) => seal.seal(Buffer.alloc(length), NOW, NAME))
    const spellings = sealed.flatMap((one) =>
      [...alphabet].map((last) => one.slice(0, -1) + last).filter((other) => other !== one),
    )
    const same = spellings.filter((other) =>
      sealed.some((one) => Buffer.from(one, 'base64url').equals(Buffer.from(other, 'base64url'))),
    )
    expect(same.length).toBe(3 + 15)
    for (const other of same) expect(seal.open(other, NOW, NAME)).toEqual(rejected('malformed'))
  })

  it('rejects a tag of every other length, also where the rest is long enough [B3]', () => {
    const long = Buffer.from(seal.seal(Buffer.alloc(200), NOW, NAME), 'base64url')
    for (let length = 0; length < 16; length++) {
      expect(reopen(long.subarray(0, long.length - 16 + length))).toEqual(rejected('forged'))
    }
    expect(reopen(Buffer.concat([long, long.subarray(-16)]))).toEqual(rejected('forged'))
  })

  it('rejects a counter block of another length [B3]', () => {
    expect(reopen(Buffer.concat([raw.subarray(0, HEAD), raw.subarray(HEAD - 1)])).ok).toBe(false)
    expect(reopen(Buffer.concat([raw.subarray(0, HEAD - 1), raw.subarray(HEAD)])).ok).toBe(false)
  })

  it('binds the value to its cookie [B4]', () => {
    for (const name of ['session', '__Host-Session', '', `${NAME}\0`, 'constructor']) {
      expect(seal.open(text, NOW, name)).toEqual(rejected('forged'))
    }
  })

  it('rejects a key it does not know, or knows no more [B5]', () => {
    expect(encrypted({ secret: OTHER }).open(text, NOW, NAME)).toEqual(rejected('forged'))
    const both = encrypted({ secret: [OTHER, SECRET] })
    expect(both.open(text, NOW, NAME).ok).toBe(true)
    const foreign = Buffer.from(raw)
    Buffer.from(both.seal(json, NOW, NAME), 'base64url').copy(foreign, 1, 1, 5)
    expect(both.open(foreign.toString('base64url'), NOW, NAME)).toEqual(rejected('forged'))
  })

  it('rejects every other version [B5]', () => {
    for (let version = 0; version < 256; version++) {
      const other = Buffer.from(raw)
      other[0] = version
      expect(reopen(other).ok).toBe(version === 2)
    }
  })

  it('gives no bytes away when the key is wrong [B6]', () => {
    expect(Object.keys(encrypted({ secret: OTHER }).open(text, NOW, NAME))).toEqual([
      'ok',
      'reason',
    ])
  })

  it('rejects what was sealed more than a minute from now [B8]', () => {
    expect(seal.open(text, NOW - 60_000, NAME).ok).toBe(true)
    expect(seal.open(text, NOW - 60_001, NAME)).toEqual(rejected('expired'))
    expect(seal.open(text, Number.NaN, NAME)).toEqual(rejected('expired'))
    expect(seal.open(text, NOW + 1e12, NAME)).toMatchObject({ ok: true, sealedAt: NOW })
  })

  it('seals with the first secret and opens with all, in both orders of a roll-out', () => {
    const before = encrypted({ secret: SECRET })
    const during = encrypted({ secret: [SECRET, OTHER] })
    const after = encrypted({ secret: [OTHER, SECRET] })
    for (const [from, to] of [
      [before, during],
      [during, after],
      [after, during],
      [during, before],
    ] as const) {
      expect(to.open(from.seal(json, NOW, NAME), NOW, NAME)).toMatchObject({
        ok: true,
        bytes: json,
      })
    }
    expect(before.open(after.seal(json, NOW, NAME), NOW, NAME)).toEqual(rejected('forged'))
  })

  it('tries all secrets of one key id', () => {
    // Two secrets with the same 4-byte id, found by search.
    const twins = [
      '~~~~37240-of-many-for-two-of-one-key-id',
      '~~~~57270-of-many-for-two-of-one-key-id',
    ]
    const [first, second] = twins.map((secret) => encrypted({ secret }).seal(json, NOW, NAME))
    const id = (sealed = '') => Buffer.from(sealed, 'base64url').subarray(1, 5)
    expect(id(first)).toEqual(id(second))
    const both = encrypted({ secret: twins })
    expect(both.open(first as string, NOW, NAME).ok).toBe(true)
    expect(both.open(second as string, NOW, NAME).ok).toBe(true)
    expect(encrypted({ secret: twins[0] }).open(second as string, NOW, NAME)).toEqual(
      rejected('forged'),
    )
  })

  it('asks the given source for 12 bytes at a time, and refuses another number', () => {
    const sizes: number[] = []
    const source = (size: number) => {
      sizes.push(size)
      return counting(sizes.length === 1 ? size : size - 1)
    }
    const own = encrypted({ secret: SECRET, randomBytes: source })
    own.seal(json, NOW, NAME)
    expect(sizes).toEqual([12])
    const many = () => {
      for (let n = 0; n < 1100; n++) own.seal(json, NOW, NAME)
    }
    expect(many).toThrow(expect.objectContaining({ code: 'ERR_VIAL_STATE' }))
    expect(new Set(sizes)).toEqual(new Set([12]))
    // It did not go on with what it had.
    expect(() => own.seal(Buffer.alloc(200), NOW, NAME)).toThrow()
  })

  it('uses no block of the keystream twice, whatever the lengths', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(600), fc.nat(40_000)), { minLength: 1, maxLength: 60 }),
        (lengths) => {
          const own = encrypted({ secret: SECRET })
          const used = new Set<string>()
          for (const length of lengths) {
            const sealed = Buffer.from(own.seal(Buffer.alloc(length), NOW, NAME), 'base64url')
            const nonce = sealed.toString('hex', 5, 17)
            const first = sealed.readUInt32BE(17)
            const blocks = Math.ceil((6 + length) / 16)
            for (let block = first; block < first + blocks; block++) {
              expect(used.has(`${nonce} ${block}`)).toBe(false)
              used.add(`${nonce} ${block}`)
            }
            expect(own.open(sealed.toString('base64url'), NOW, NAME)).toMatchObject({
              ok: true,
              bytes: Buffer.alloc(length),
            })
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

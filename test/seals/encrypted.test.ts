import { hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { encrypted } from 'vial/seals/encrypted'
import { describe, expect, it } from 'vitest'
import { deriveKey, encrypt, inputKey } from '../../src/seals/xaes.ts'

const SECRET = 'an-example-for-tests-0123456789abcdef'
const OTHER = 'one-more-example-for-tests-fedcba9876543210'
const NAME = '__Host-session'
const NOW = 1_700_000_000_123
/** Offset of the ciphertext: version, key id, nonce. */
const HEAD = 29
const counting = (size: number) => Uint8Array.from({ length: size }, (_, index) => index)

/** Made by pyca/cryptography 48 (HKDF, KBKDFCMAC, AESGCM) from the description in docs/encryption.md. */
const GOLDEN =
  'AROjrzoAAQIDBAUGBwgJCgsmmWIPEO1bBzcbCVOXC2I68ir24nkGRxR5V_PZujUlfzokfLmBNoXHFrbm04Av4DvjDW2UsJvwrXc'
/** The same with the context 'shop\u00b71'. */
const GOLDEN_IN_CONTEXT =
  'AROjrzoAAQIDBAUGBwgJCguIqPxlSO1UIV4FpnH94Q1Z9etxjZGJO4z96m7BWJwRKzQromcbW-N8UFx-_SO4eImD8YxfsGigfxw'

const seal = encrypted({ secret: SECRET })
const json = Buffer.from('{"a":1}')
const text = seal.seal(json, NOW, NAME)
const raw = Buffer.from(text, 'base64url')
const reopen = (bytes: Uint8Array, now = NOW) =>
  seal.open(Buffer.from(bytes).toString('base64url'), now, NAME)
const rejected = (reason: string) => ({ ok: false, reason })

describe('encrypted', () => {
  it('keeps its format: a text of version 1 opens for ever', () => {
    const fixed = encrypted({ secret: SECRET, randomBytes: counting })
    expect(fixed.seal(json, NOW, NAME)).toBe(GOLDEN)
    expect(seal.open(GOLDEN, NOW, NAME)).toEqual({ ok: true, bytes: json, sealedAt: NOW })
    const inContext = encrypted({ secret: SECRET, context: 'shop\u00b71', randomBytes: counting })
    expect(inContext.seal(json, NOW, NAME)).toBe(GOLDEN_IN_CONTEXT)
  })

  it('opens what it sealed: any bytes, time and cookie', { timeout: 120_000 }, () => {
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

  it('rejects every flipped bit [B1]', { timeout: 120_000 }, () => {
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

  it('rejects a nonce of another length [B3]', () => {
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
      expect(reopen(other).ok).toBe(version === 1)
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
      '~~~~5974-of-many-for-two-of-one-key-id',
      '~~~~47765-of-many-for-two-of-one-key-id',
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

  it('binds the value to its context: another application or tenant opens nothing', () => {
    const of = (context?: string) =>
      encrypted({ secret: SECRET, ...(context === undefined ? {} : { context }) })
    const contexts = [undefined, 'a', 'b', 'ab', 'shop\u00b71']
    for (const from of contexts) {
      const sealed = of(from).seal(json, NOW, NAME)
      for (const to of contexts) expect(of(to).open(sealed, NOW, NAME).ok).toBe(from === to)
    }
    expect(of('').open(of().seal(json, NOW, NAME), NOW, NAME).ok).toBe(true)
  })

  it('does not confuse the end of the cookie name with the start of the context', () => {
    const [one, other] = ['bc', 'c'].map((context) => encrypted({ secret: SECRET, context }))
    expect(other?.open(one?.seal(json, NOW, 'a') ?? '', NOW, 'ab')).toEqual(rejected('forged'))
  })

  it.each([
    ['a half surrogate pair', '\ud800'],
    ['a number', 7],
    ['null', null],
  ])('refuses a context that is %s', (_, context) => {
    expect(() => encrypted({ secret: SECRET, context: context as string })).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }),
    )
  })

  it('opens no text without the 16 zero bytes, which commit to the key', () => {
    const half = Buffer.from(counting(12))
    const keyOf = (info: string, size: number) =>
      Buffer.from(hkdfSync('sha256', SECRET, 'vial.encrypted.v1', info, size))
    const length = (size: number) => Buffer.from([0, 0, 0, size])
    const id = keyOf('key id', 4)
    const associatedData = Buffer.concat([
      Buffer.from('vial.encrypted'),
      Buffer.of(1),
      id,
      length(NAME.length),
      Buffer.from(NAME),
      length(0),
    ])
    const derived = deriveKey(inputKey(keyOf('encryption key', 32)), half)
    const sealedWith = (zeros: Buffer) => {
      const plaintext = Buffer.concat([zeros, Buffer.from([1, 0x8b, 0xcf, 0xe5, 0x68, 0x7b]), json])
      const { ciphertext, tag } = encrypt(derived, half, plaintext, associatedData)
      return reopen(Buffer.concat([Buffer.of(1), id, half, half, ciphertext, tag]))
    }
    expect(sealedWith(Buffer.alloc(16))).toEqual({ ok: true, bytes: json, sealedAt: NOW })
    for (let at = 0; at < 16; at++) {
      expect(sealedWith(Buffer.alloc(16).fill(1, at, at + 1))).toEqual(rejected('forged'))
    }
  })

  it('refuses a source of random bytes that gives another number', () => {
    for (const size of [0, 11, 13, 17]) {
      const own = encrypted({ secret: SECRET, randomBytes: () => counting(size) })
      expect(() => own.seal(json, NOW, NAME)).toThrow(
        expect.objectContaining({ code: 'ERR_VIAL_STATE' }),
      )
    }
  })
})

describe('nonces of encrypted', () => {
  const nonceOf = (sealed: string) => Buffer.from(sealed, 'base64url').subarray(5, HEAD)
  const firstOf = (sealed: string) => nonceOf(sealed).toString('hex', 0, 12)

  it('never repeat, over two drawings of the first half', { timeout: 120_000 }, () => {
    const own = encrypted({ secret: SECRET })
    const texts = Array.from({ length: 70_000 }, () => own.seal(json, NOW, NAME))
    expect(new Set(texts.map((text) => nonceOf(text).toString('hex'))).size).toBe(texts.length)
    expect(new Set(texts.map(firstOf)).size).toBe(2)
    expect(new Set(texts.slice(0, 2 ** 16).map(firstOf)).size).toBe(1)
    expect(new Set(texts.slice(2 ** 16).map(firstOf)).size).toBe(1)
    for (const text of [texts[0], texts[2 ** 16 - 1], texts[2 ** 16]]) {
      expect(seal.open(text as string, NOW, NAME)).toMatchObject({ ok: true, bytes: json })
    }
  })

  it('have a first half of their own in each seal, and 12 + 16 random bytes at the start', () => {
    expect(firstOf(encrypted({ secret: SECRET }).seal(json, NOW, NAME))).not.toBe(firstOf(text))
    const sizes: number[] = []
    const source = (size: number) => {
      sizes.push(size)
      return counting(size)
    }
    const own = encrypted({ secret: SECRET, randomBytes: source })
    expect(sizes).toEqual([])
    for (let n = 0; n < 3; n++) own.seal(json, NOW, NAME)
    expect(sizes).toEqual([12, 16, 16, 16])
  })

  it('repeat with repeated random bytes only where the whole message repeats, as in a clone', () => {
    const clone = (context = '', secret = SECRET) =>
      encrypted({ secret, context, randomBytes: counting })
    const base = clone().seal(json, NOW, NAME)
    expect(clone().seal(json, NOW, NAME)).toBe(base)
    const others = [
      clone().seal(Buffer.from('{"a":2}'), NOW, NAME),
      clone().seal(Buffer.from('{"a":1} '), NOW, NAME),
      clone().seal(json, NOW + 1, NAME),
      clone().seal(json, NOW, 'other'),
      clone().seal(json, NOW, NAME.toUpperCase()),
      clone('tenant').seal(json, NOW, NAME),
      clone('Tenant').seal(json, NOW, NAME),
      clone('', OTHER).seal(json, NOW, NAME),
    ]
    const seconds = [base, ...others].map((one) => nonceOf(one).toString('hex', 12))
    expect(new Set(seconds).size).toBe(seconds.length)
  })
})

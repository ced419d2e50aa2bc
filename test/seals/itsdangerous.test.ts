import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import type { Secret } from 'vial'
import { type ItsdangerousOptions, itsdangerous } from 'vial/seals/itsdangerous'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { runs } from '../support/runs.ts'

interface Vectors {
  cookie: {
    signer: { vectors: Record<string, string>[] }
    timestamps: { int: number; b64: string }[]
    serialize: {
      name: string
      secret: string
      timestamp: number
      json_in_app_context: string
      compressed: boolean
      cookie: string
    }[]
    verify: {
      name: string
      cookie: string
      keys_oldest_first: string[]
      now: number
      max_age: number
      expect: { ok: boolean }
    }[]
    key_rotation_flask_3_1_3: {
      name: string
      secret: string
      fallbacks: string[] | string | null
      request_cookie: string | null
      set_cookie: string[]
      observed: { d?: object }
    }[]
    zlib: {
      cases: {
        json: string
        python_zlib_level6_hex: string
        python_compressed_wins: boolean
        node_compressed_wins: boolean
      }[]
    }
  }
}
const fixture = new URL('../../interop/fixtures/flask-vectors.json', import.meta.url)
const { cookie: vectors } = JSON.parse(readFileSync(fixture, 'utf8')) as Vectors

const SECRET = 'an-example-for-tests-0123456789abcdef'
const OTHER = 'one-more-example-for-tests-fedcba9876543210'
const NOW = 1_700_000_000_000
const rejected = (reason: string) => ({ ok: false, reason })

/** The recorded secrets are short. */
const flask = (secret: Secret, options: Partial<ItsdangerousOptions> = {}) =>
  itsdangerous({ secret, weakSecret: 'warn', ...options })
const seal = itsdangerous({ secret: SECRET })

/** Signs any payload and timestamp, as the holder of the key can. */
const resign = (signed: string) =>
  `${signed}.${createHmac('sha1', SECRET).update(signed).digest('base64url')}`
const holder = itsdangerous({ secret: SECRET, keyDerivation: 'none' })

beforeAll(() => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})

describe('the vectors recorded from Flask', () => {
  it.each(vectors.signer.vectors)('signer: secret $secret_utf8_hex', (vector) => {
    const secret = Buffer.from(vector['secret_utf8_hex'] as string, 'hex')
    const cookie = vector['cookie_for_{"a":1}@1700000000'] as string
    expect(flask(secret).seal(Buffer.from('{"a":1}'), NOW, 'session')).toBe(cookie)
    expect(flask(secret).open(cookie, NOW, 'session').ok).toBe(true)
    const derived = Buffer.from(vector['derived_key_hex'] as string, 'hex')
    expect(flask(derived, { keyDerivation: 'none' }).open(cookie, NOW, 'session').ok).toBe(true)
  })

  it.each(vectors.timestamps)('timestamp: $int', ({ int, b64 }) => {
    const text = seal.seal(Buffer.from('{}'), int * 1000, 'session')
    expect(text.split('.')[1]).toBe(b64)
    expect(seal.open(text, int * 1000, 'session')).toMatchObject({ ok: true, sealedAt: int * 1000 })
  })

  it.each(vectors.serialize)('serialize: $name', (vector) => {
    const own = flask(vector.secret)
    const json = Buffer.from(vector.json_in_app_context)
    const now = vector.timestamp * 1000
    expect(own.open(vector.cookie, now, 'session')).toEqual({
      ok: true,
      bytes: json,
      sealedAt: now,
    })
    const text = own.seal(json, now, 'session')
    // Node's zlib gives other bytes than Python's, so compressed cookies are compared by what opens.
    if (!vector.compressed) expect(text).toBe(vector.cookie)
    expect(own.open(text, now, 'session')).toEqual({ ok: true, bytes: json, sealedAt: now })
  })

  const reasons: Record<string, string> = {
    age_one_over_max: 'expired',
    future_by_1s: 'expired',
    fallback_expired: 'expired',
    wrong_key: 'forged',
    tampered_payload: 'forged',
    tampered_sig: 'forged',
    foreign_django_concat: 'forged',
    foreign_sha256: 'malformed',
    sig_truncated: 'malformed',
    sig_extra_garbage_char: 'malformed',
    sig_empty: 'malformed',
    no_dots: 'malformed',
    empty_string: 'malformed',
    no_timestamp: 'malformed',
    ts_9_bytes: 'malformed',
    signed_bad_zlib: 'malformed',
  }
  /** A deliberate difference: Python ignores the spare bits of the last character, which Flask always sets to 0. */
  const stricter = ['sig_noncanonical_trailing_bits']
  /** Validly signed, but not JSON or not what a tag says: the serializer turns them away, not the seal. */
  const serializers = ['signed_bad_json', 'signed_bad_utf8', 'signed_bad_uuid', 'signed_bad_bytes']

  it.each(vectors.verify)('verify: $name', (vector) => {
    const keys = vector.keys_oldest_first.toReversed()
    const own = flask(keys, { maxAge: vector.max_age * 1000 })
    const opened = own.open(vector.cookie, vector.now * 1000, 'session')
    if (stricter.includes(vector.name)) {
      expect(vector.expect.ok).toBe(true)
      expect(opened).toEqual(rejected('malformed'))
    } else if (vector.expect.ok || serializers.includes(vector.name)) {
      const payload = Buffer.from(vector.cookie.split('.')[0] as string, 'base64url')
      const keyIndex = vector.name === 'fallback_oldest' ? keys.length - 1 : undefined
      expect(opened).toEqual({ ok: true, bytes: payload, sealedAt: NOW, keyIndex })
    } else {
      expect(opened).toEqual(rejected(reasons[vector.name] as string))
    }
  })

  it('verify: every difference above is one that was recorded', () => {
    const names = vectors.verify.map(({ name }) => name)
    for (const name of [...Object.keys(reasons), ...stricter, ...serializers]) {
      expect(names).toContain(name)
    }
  })

  it.each(vectors.key_rotation_flask_3_1_3)('key rotation: $name', (vector) => {
    // Python extends a key list by a text character by character.
    const keys = [...(vector.fallbacks ?? []), vector.secret].toReversed()
    const current = flask(vector.secret)
    const written = vector.set_cookie[0]?.split(/[=;]/)[1]
    if (vector.request_cookie !== null) {
      const opened = flask(keys).open(vector.request_cookie, NOW, 'session')
      const accepted =
        vector.set_cookie.length > 0 || Object.keys(vector.observed.d ?? {}).length > 0
      expect(opened).toEqual(
        accepted
          ? { ok: true, bytes: expect.anything(), sealedAt: NOW, keyIndex: expect.any(Number) }
          : rejected('forged'),
      )
    }
    if (written === undefined) return
    const opened = current.open(written, NOW, 'session')
    expect(opened).toMatchObject({ ok: true })
    if (opened.ok) expect(flask(keys).seal(opened.bytes, NOW, 'session')).toBe(written)
  })

  it.each(vectors.zlib.cases)('zlib: $json', (vector) => {
    const json = Buffer.from(vector.json)
    const deflated = Buffer.from(vector.python_zlib_level6_hex, 'hex')
    const cookie = resign(`.${deflated.toString('base64url')}.ZVPxAA`)
    expect(holder.open(cookie, NOW, 'session')).toEqual({ ok: true, bytes: json, sealedAt: NOW })
    const text = seal.seal(json, NOW, 'session')
    expect(text.startsWith('.')).toBe(vector.node_compressed_wins)
    expect(seal.open(text, NOW, 'session')).toMatchObject({ ok: true, bytes: json })
  })
})

describe('itsdangerous', () => {
  it('opens what it sealed: any bytes, at any time, compressed or not', {
    timeout: 600_000,
  }, () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc
        .tuple(fc.uint8Array({ maxLength: 9 }), fc.nat(300))
        .map(([part, times]) => Buffer.concat(Array.from({ length: times }, () => part))),
    )
    const time = fc.integer({ min: 0, max: 8.64e15 })
    const plain = itsdangerous({ secret: SECRET, compress: false })
    fc.assert(
      fc.property(bytes, time, fc.string(), (one, now, name) => {
        const sealedAt = Math.floor(now / 1000) * 1000
        const expected = { ok: true, bytes: Buffer.from(one), sealedAt }
        const text = seal.seal(one, now, name)
        expect(text).toMatch(/^[A-Za-z0-9_.-]+$/)
        expect(seal.open(text, now, name)).toEqual(expected)
        const uncompressed = plain.seal(one, now, name)
        expect(uncompressed.startsWith('.') && one.length > 0).toBe(false)
        expect(plain.open(text, now, name)).toEqual(expected)
        expect(seal.open(uncompressed, now, name)).toEqual(expected)
      }),
      { numRuns: runs(500, 2_000) },
    )
  })

  it.each([
    ['hmac', 'eyJhIjoxfQ.ZVPxAA.gT3gCHL6v-wbwOAByXTZOCMqbzk'],
    ['django-concat', 'eyJhIjoxfQ.ZVPxAA.P9gUBGRh7Aya7GROKFvUcB2JEX0'],
    ['concat', 'eyJhIjoxfQ.ZVPxAA.1XD0E7jHDlWEd1KvpmK4ntN8Tps'],
    ['none', 'eyJhIjoxfQ.ZVPxAA.efZb3r9TO1LyqsuklcDw9NnE7OY'],
  ] as const)('derives its key as itsdangerous 2.2 does: %s', (keyDerivation, cookie) => {
    const own = itsdangerous({ secret: SECRET, salt: 'other-salt', keyDerivation })
    expect(own.seal(Buffer.from('{"a":1}'), NOW, 'session')).toBe(cookie)
    expect(own.open(cookie, NOW, 'session').ok).toBe(true)
    expect(seal.open(cookie, NOW, 'session')).toEqual(rejected('forged'))
  })

  it.each([
    [11, 1, 'e'],
    [12, 2, '.e'],
  ])(
    'compresses only what that makes 2 bytes shorter, as Python does: %i letters',
    (length, saved, start) => {
      const json = Buffer.from(`{"k":"${'a'.repeat(length)}"}`)
      expect(json.length - deflateSync(json).length).toBe(saved)
      expect(seal.seal(json, NOW, 'session').startsWith(start)).toBe(true)
    },
  )

  it('counts ages in whole seconds, inclusive', () => {
    const own = itsdangerous({ secret: SECRET, maxAge: '1.9s' })
    const text = own.seal(Buffer.from('{}'), NOW + 999, 'session')
    expect(own.open(text, NOW, 'session').ok).toBe(true)
    expect(own.open(text, NOW - 1, 'session')).toEqual(rejected('expired'))
    expect(own.open(text, NOW + 1_999, 'session').ok).toBe(true)
    expect(own.open(text, NOW + 2_000, 'session')).toEqual(rejected('expired'))
    expect(own.open(text, Number.NaN, 'session')).toEqual(rejected('expired'))
  })

  it('opens any age without maxAge, also from the future, as in Python', () => {
    const text = seal.seal(Buffer.from('{}'), NOW, 'session')
    expect(seal.open(text, NOW * 100, 'session').ok).toBe(true)
    expect(seal.open(text, NOW - 1, 'session').ok).toBe(true)
    expect(holder.open(resign('e30.__________8'), NOW, 'session').ok).toBe(true)
    const aged = itsdangerous({ secret: SECRET, maxAge: '31d' })
    expect(aged.open(text, NOW - 1, 'session')).toEqual(rejected('expired'))
  })

  it('grants the leeway to a clock that is ahead, not to age', () => {
    const own = itsdangerous({ secret: SECRET, leeway: '2s', maxAge: '10s' })
    const text = own.seal(Buffer.from('{}'), NOW, 'session')
    expect(own.open(text, NOW - 2_000, 'session').ok).toBe(true)
    expect(own.open(text, NOW - 2_001, 'session')).toEqual(rejected('expired'))
    expect(own.open(text, NOW + 11_000, 'session')).toEqual(rejected('expired'))
  })

  it('dates back for a peer whose clock is behind, and never before 1970', () => {
    const own = itsdangerous({ secret: SECRET, backdate: 1_500 })
    const text = own.seal(Buffer.from('{}'), NOW, 'session')
    expect(seal.open(text, NOW, 'session')).toMatchObject({ sealedAt: NOW - 2_000 })
    expect(own.seal(Buffer.from('{}'), 0, 'session')).toMatch(/^e30\.\./)
  })

  it('tries no further secret on an expired signature, and all on a bad one', () => {
    const own = itsdangerous({ secret: [OTHER, SECRET], maxAge: '1m' })
    const text = seal.seal(Buffer.from('{}'), NOW, 'session')
    expect(own.open(text, NOW, 'session').ok).toBe(true)
    expect(own.open(text, NOW + 61_000, 'session')).toEqual(rejected('expired'))
    expect(seal.open(own.seal(Buffer.from('{}'), NOW, 'session'), NOW, 'session').ok).toBe(false)
  })

  it('inflates no more than the limit, and nothing before the signature is known to be good', () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 20 + 1)).toString('base64url')
    const fits = deflateSync(Buffer.alloc(2 ** 20)).toString('base64url')
    expect(holder.open(resign(`.${bomb}.ZVPxAA`), NOW, 'session')).toEqual(rejected('malformed'))
    expect(holder.open(resign(`.${fits}.ZVPxAA`), NOW, 'session').ok).toBe(true)
    expect(seal.open(resign(`.${fits}.ZVPxAA`), NOW, 'session')).toEqual(rejected('forged'))
    const small = itsdangerous({ secret: SECRET, keyDerivation: 'none', maxOutputLength: 10 })
    expect(small.open(resign(`.${fits}.ZVPxAA`), NOW, 'session')).toEqual(rejected('malformed'))
  })

  it.each([
    ['no payload', '.ZVPxAA', true],
    ['a needlessly compressed payload', `.${deflateSync('{}').toString('base64url')}.ZVPxAA`, true],
    ['leading zeros in the timestamp', 'e30.AAAAAGVT8QA', true],
    ['an empty compressed payload', '..ZVPxAA', false],
    ['a payload with padding', 'e30=.ZVPxAA', false],
    ['a payload with a dot', 'e30.e30.ZVPxAA', false],
    ['a payload cut short', '.eJyrrgU.ZVPxAA', false],
    ['a timestamp with padding', 'e30.ZVPxAA==', false],
    ['no timestamp', 'e30', false],
    ['other characters', 'ł30.ZVPxAA', false],
  ])('judges what the holder of the key signed: %s', (_, signed, ok) => {
    expect(holder.open(resign(signed), NOW, 'session').ok).toBe(ok)
    if (!ok) expect(holder.open(resign(signed), NOW, 'session')).toEqual(rejected('malformed'))
  })

  it('does not fold other characters onto those that were signed', () => {
    const text = seal.seal(Buffer.from('{"a":1}'), NOW, 'session')
    for (let at = 0; at < text.length; at++) {
      const folded =
        text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) + 0x100) + text.slice(at + 1)
      expect(seal.open(folded, NOW, 'session').ok).toBe(false)
    }
  })

  it.each<[string, Partial<ItsdangerousOptions>, RegExp]>([
    ['a lifetime of 0', { maxAge: 0 }, /^maxAge.*'31d'/],
    ['a negative leeway', { leeway: -1 }, /^leeway.*'30m'/],
    ['a backdate without a unit', { backdate: '2' as '2s' }, /^backdate/],
    ['an unknown derivation', { keyDerivation: 'sha1' as 'none' }, /^keyDerivation.*'hmac'/],
    ['no room', { maxOutputLength: 0 }, /^maxOutputLength.*Leave it out/],
    ['half a byte', { maxOutputLength: 1.5 }, /^maxOutputLength/],
  ])('refuses %s when the program starts', (_, options, saying) => {
    const run = () => itsdangerous({ secret: SECRET, ...options })
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }))
    expect(run).toThrow(saying)
    expect(run).not.toThrow(SECRET)
  })

  it('takes 0 for no leeway and no backdate', () => {
    const own = itsdangerous({ secret: SECRET, leeway: 0, backdate: 0 })
    expect(own.seal(Buffer.from('{}'), NOW, 's')).toBe(seal.seal(Buffer.from('{}'), NOW, 's'))
  })
})

import fc from 'fast-check'
import { signed } from 'vial/seals/signed'
import { describe, expect, it } from 'vitest'
import { runs } from '../support/runs.ts'

const SECRET = 'an-example-for-tests-0123456789abcdef'
const OTHER = 'one-more-example-for-tests-fedcba9876543210'
const NAME = '__Host-session'

const seal = signed({ secret: SECRET })
const id = Buffer.from('abc-DEF_123')
const text = seal.seal(id, 0, NAME)
const rejected = (reason: string) => ({ ok: false, reason })

describe('signed', () => {
  it('keeps its format', () => {
    // Made with Python's `hmac` and `cryptography` from the description at the head of the module.
    expect(text).toBe('abc-DEF_123.SSYm9xCDEpcajdZJhHdxRwgscgshPccEPT7zdrK6Vl8')
  })

  it('opens what it sealed: any cookie-safe text, cookie and time', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_.-]{1,80}$/),
        fc.string(),
        fc.double(),
        (one, name, now) => {
          const bytes = Buffer.from(one)
          expect(seal.open(seal.seal(bytes, now, name), now, name)).toEqual({ ok: true, bytes })
        },
      ),
      { numRuns: runs(500, 2_000) },
    )
  })

  it.each(['', 'a b', 'é', 'a\n', '"a"', '{"a":1}'])('refuses to seal %j, and says why', (one) => {
    const run = () => seal.seal(Buffer.from(one), 0, NAME)
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_VIAL_STATE' }))
    expect(run).toThrow(/encrypted\(\)/)
  })

  it('refuses bytes that only look like text when folded', () => {
    expect(() => seal.seal(Uint8Array.of(0xc3, 0xa9), 0, NAME)).toThrow(/signed\(\)/)
  })

  it('opens texts of this shape only', () => {
    const [value, signature] = text.split('.') as [string, string]
    const other = (from: string) => seal.open(from, 0, NAME)
    expect(other('')).toEqual(rejected('malformed'))
    expect(other('.')).toEqual(rejected('malformed'))
    expect(other(`.${signature}`)).toEqual(rejected('malformed'))
    expect(other(`${value}.`)).toEqual(rejected('malformed'))
    expect(other(value)).toEqual(rejected('malformed'))
    expect(other(`${text}=`)).toEqual(rejected('malformed'))
    expect(other(`${value}.x.${signature}`)).toEqual(rejected('forged'))
    expect(other(`${value}\n.${signature}`)).toEqual(rejected('malformed'))
    expect(other(`${value}x.${signature}`)).toEqual(rejected('forged'))
    expect(other(`ł${value}.${signature}`)).toEqual(rejected('malformed'))
  })

  it('rejects other spellings of the signature', () => {
    // The last of 43 characters carries two spare bits: 8 is followed by 9, - and _ of the same bytes.
    for (const last of ['9', '-', '_']) {
      const other = text.slice(0, -1) + last
      const [a, b] = [text, other].map((one) => Buffer.from(one.slice(-43), 'base64url'))
      expect(a).toEqual(b)
      expect(seal.open(other, 0, NAME)).toEqual(rejected('malformed'))
    }
  })

  it('rejects every truncation', () => {
    for (let length = 0; length < text.length; length++) {
      expect(seal.open(text.slice(0, length), 0, NAME).ok).toBe(false)
    }
  })

  it('binds the text to its cookie', () => {
    for (const name of ['session', '__host-session', '', `${NAME}\0`]) {
      expect(seal.open(text, 0, name)).toEqual(rejected('forged'))
    }
  })

  it('seals with the first secret and opens with all', () => {
    const both = signed({ secret: [OTHER, SECRET] })
    expect(both.open(text, 0, NAME)).toEqual({ ok: true, bytes: id, keyIndex: 1 })
    expect(signed({ secret: OTHER }).open(both.seal(id, 0, NAME), 0, NAME).ok).toBe(true)
    expect(seal.open(both.seal(id, 0, NAME), 0, NAME)).toEqual(rejected('forged'))
  })
})

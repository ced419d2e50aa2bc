import fc from 'fast-check'
import type { Seal } from 'vial'
import { encrypted } from 'vial/seals/encrypted'
import { flaskSigner } from 'vial/seals/flask-signer'
import { itsdangerous } from 'vial/seals/itsdangerous'
import { signed } from 'vial/seals/signed'
import { describe, expect, it } from 'vitest'
import { runs } from '../support/runs.ts'

const SECRETS = [
  'an-example-for-tests-0123456789abcdef',
  'one-more-example-for-tests-fedcba9876543210',
]
const NOW = 1_700_000_000_000
const NAME = '__Host-session'
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const FOREIGN = ['.', '=', '+', '/', '"', ' ', '\t', '\0', '\n', '%', '\u00a0', 'ł', '\ud800', '😀']

interface Subject {
  make: (secret: string) => Seal
  /** Whether the format ties a value to the name of its cookie. */
  bound: boolean
  payloads: string[]
}

const ids = [
  'a',
  'Zm9vYmFy',
  'selector.verifier',
  '0123456789-abcdefghijklmnopqrstuvwxyz_ABCDEF',
  'id-'.repeat(21),
]
const records = [
  '{}',
  '{"a":1}',
  '{"_permanent":true,"user":"bob","views":12345}',
  `{"name":"bob","cart":[${'"a",'.repeat(60)}"b"]}`,
]
const subjects: Record<string, Subject> = {
  encrypted: { make: (secret) => encrypted({ secret }), bound: true, payloads: records },
  signed: { make: (secret) => signed({ secret }), bound: true, payloads: ids },
  'flask-signer': { make: (secret) => flaskSigner({ secret }), bound: false, payloads: ids },
  // Its format knows no cookie name; the salt distinguishes uses.
  itsdangerous: { make: (secret) => itsdangerous({ secret }), bound: false, payloads: records },
}

/** All texts one small change away at these positions, and many that are farther. */
function* changed(text: string, other: string, positions: Iterable<number>): Generator<string> {
  for (const at of positions) {
    const [before, after] = [text.slice(0, at), text.slice(at + 1)]
    for (let bit = 0; bit < 8; bit++) {
      yield before + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + after
    }
    for (const one of [...ALPHABET, ...FOREIGN]) {
      yield before + one + after
      yield before + one + text.slice(at)
    }
    yield before + after
    yield before
    yield text.slice(at)
    yield before + other.slice(at)
    yield before + (text[at + 1] ?? '') + text[at] + text.slice(at + 2)
    yield text.slice(at) + before
  }
  for (const one of [...ALPHABET, ...FOREIGN]) yield text + one
  yield text + text
  yield `${text}.${other}`
  yield text.toLowerCase()
  yield text.split('').reverse().join('')
  const [a, b] = [text.split('.'), other.split('.')]
  for (let part = 0; part < a.length; part++) yield a.with(part, b[part] ?? '').join('.')
}

describe.each(Object.entries(subjects))('%s', (_, { make, bound, payloads }) => {
  const [seal, foreign] = SECRETS.map(make) as [Seal, Seal]

  it('opens no changed text, and throws for none', () => {
    let tried = 0
    const accepted: string[] = []
    for (const [index, payload] of payloads.entries()) {
      const bytes = Buffer.from(payload)
      const text = seal.seal(bytes, NOW, NAME)
      expect(seal.open(text, NOW, NAME)).toMatchObject({ ok: true, bytes })
      const other = seal.seal(Buffer.from(payloads[0] as string), NOW - 5_000, NAME)
      // Each position of one text, and random ones of the rest.
      const positions =
        index === 1 ? text.split('').keys() : fc.sample(fc.nat(text.length - 1), runs(16, 400))
      for (const one of changed(text, other, positions)) {
        if (one === text || one === other) continue
        tried++
        if (seal.open(one, NOW, NAME).ok) accepted.push(one)
      }
    }
    expect(accepted).toEqual([])
    expect(tried).toBeGreaterThan(10_000)
  })

  it('opens nothing of another secret, and of another cookie where the format holds its name', () => {
    for (const payload of payloads) {
      const bytes = Buffer.from(payload)
      expect(foreign.open(seal.seal(bytes, NOW, NAME), NOW, NAME)).toEqual({
        ok: false,
        reason: 'forged',
      })
      expect(seal.open(seal.seal(bytes, NOW, 'other'), NOW, NAME).ok).toBe(!bound)
    }
  })

  it('opens nothing that another kind of seal made', () => {
    for (const { make: other, payloads: theirs } of Object.values(subjects)) {
      if (other === make) continue
      const text = other(SECRETS[0] as string).seal(Buffer.from(theirs[1] as string), NOW, NAME)
      expect(seal.open(text, NOW, NAME).ok).toBe(false)
    }
  })

  it('throws for no text at all', () => {
    const units = fc
      .array(fc.nat(0xffff), { maxLength: 300 })
      .map((codes) => String.fromCharCode(...codes))
    const close = fc.stringMatching(/^[A-Za-z0-9_.=-]{0,200}$/)
    const pieces = fc
      .array(fc.oneof(close, units), { maxLength: 4 })
      .map((parts) => parts.join('.'))
    fc.assert(
      fc.property(fc.oneof(units, close, pieces), fc.double(), fc.string(), (text, now, name) => {
        expect(seal.open(text, now, name).ok).toBe(false)
      }),
      { numRuns: runs(2_000, 10_000) },
    )
    for (const one of [
      '',
      '.',
      '..',
      '...',
      '=',
      '\0',
      '\ud800',
      'A',
      '-',
      '\u00a0',
      '.'.repeat(27),
      '.'.repeat(43),
    ]) {
      expect(seal.open(one, NOW, NAME).ok).toBe(false)
      expect(seal.open(one.repeat(2 ** 20 / (one.length || 1)), NOW, NAME).ok).toBe(false)
    }
    const big = 'A'.repeat(2 ** 20)
    for (const dots of [27, 28, 43, 44, 1]) {
      expect(seal.open(`${big}.${big}.${'A'.repeat(dots)}`, NOW, NAME).ok).toBe(false)
    }
  })
})

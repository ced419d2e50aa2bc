import { randomBytes } from 'node:crypto'
import { encrypted } from 'vial/seals/encrypted'
import { itsdangerous } from 'vial/seals/itsdangerous'
import { signed } from 'vial/seals/signed'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Secret, secretKeys } from '../../src/core/secrets.ts'
import { watchWarnings } from '../support/warnings.ts'

const GOOD = 'nK2vQ8xR4mW7pZ1tB6yH3jL9dF5sG0aC'

const keys = (secret: unknown) => secretKeys(secret as Secret, 'secret', { weak: 'refuse' })

function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('was not refused')
}

function expectRefusal(secret: unknown, saying: RegExp, run = () => keys(secret) as unknown): void {
  const { code, message } = refusal(run)
  expect(code).toBe('ERR_VIAL_CONFIG')
  expect(message).toMatch(saying)
  expect(message).toContain('randomBytes(32)')
  expect(message).toContain('environment')
  for (const one of [secret].flat()) {
    if (typeof one === 'string' && one.length > 6) expect(message).not.toContain(one)
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('secrets', () => {
  it('gives the bytes of one secret, text as UTF-8', () => {
    expect(keys(GOOD)).toEqual([Buffer.from(GOOD)])
    const umlauts = 'Zwölf Boxkämpfer jagen Viktor quer über den Deich'
    expect(keys(umlauts)).toEqual([Buffer.from(umlauts, 'utf8')])
  })

  it('gives the bytes of a list in its order, and copies them', () => {
    const bytes = new Uint8Array(randomBytes(48)).subarray(8)
    const before = Buffer.from(bytes)
    const [first, second] = keys([bytes, GOOD])
    bytes.fill(0)
    expect(first).toEqual(before)
    expect(second).toEqual(Buffer.from(GOOD))
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['the empty text', ''],
    ['no bytes', new Uint8Array()],
    ['an empty list', []],
    ['a list with a hole', [GOOD, undefined]],
    ['a list with an empty text', [GOOD, '']],
  ])('refuses %s, even where weak ones pass', (_, secret) => {
    const warn = () => secretKeys(secret as Secret, 'secret', { weak: 'warn' })
    expectRefusal(secret, /is missing/)
    expectRefusal(secret, /is missing/, warn)
  })

  it('names the one of the list', () => {
    expectRefusal([GOOD, 'too-short-by-some-bytes'], /^secret\[1\] has 23 bytes; at least 32/)
  })

  it('refuses what is neither text nor bytes', () => {
    expectRefusal([42], /neither a string nor bytes/)
    expectRefusal({}, /is missing/)
  })

  it.each([31, 16, 1])('refuses %i bytes', (length) => {
    expectRefusal(GOOD.slice(0, length), /bytes; at least 32 are needed/)
    expectRefusal(randomBytes(length), /bytes; at least 32 are needed/)
  })

  it('counts bytes, not characters', () => {
    expect(keys('äöüßÄÖÜéèêñçøåæ€')).toHaveLength(1)
  })

  it('refuses fewer than 8 different bytes', () => {
    expectRefusal('a'.repeat(64), /fewer than 8 different bytes/)
    expectRefusal('abcdefg'.repeat(9), /fewer than 8 different bytes/)
    expect(keys('kT4$wq9Z'.repeat(8).slice(0, 8) + GOOD)).toHaveLength(1)
  })

  it.each([
    'abcdefgh'.repeat(8),
    'kT4$wq9Z'.repeat(4),
    'nK2vQ8xR4mW7pZ1tB6'.repeat(2),
    'nK2vQ8xR4mW7pZ1tB6nK2vQ8xR4mW7pZ1tB6nK2v',
    '1234567890'.repeat(4),
    '0123456789abcdef0123456789abcdef',
    'deadbeefcafebabe'.repeat(4),
    Buffer.from('nK2vQ8xR4mW7pZ1tB6nK2vQ8xR4mW7pZ1tB6').toString('base64'),
  ])('refuses %j, which repeats a block', (secret) => {
    expectRefusal(secret, /repeats/)
    expectRefusal(Buffer.from(secret), /repeats/)
  })

  const counted = Buffer.from(Array.from({ length: 32 }, (_, at) => at + 1))
  it.each([
    'abcdefghijklmnopqrstuvwxyz012345',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef',
    '987654321zyxwvutsrqponmlkjihgfedcba',
    'aabbccddeeffgghhiijjkkllmmnnoopp',
    '!"#$%&\'()*+,-./0123456789:;<=>?@',
    counted,
    Buffer.from(counted).reverse(),
    counted.toString('hex'),
    counted.toString('hex').toUpperCase(),
    counted.toString('base64'),
    counted.toString('base64url'),
  ])('refuses %j, which counts', (secret) => {
    expectRefusal(secret, /counts up or down/)
  })

  it.each([
    'thisisaverylongsecretkeyfortestingpurposes',
    'some_secret',
    'CHANGE_ME',
    'auth-disabled',
    'my-very-long-secret-session-password-2024',
    'please change this to something random in production!',
    'MySuperSecretKeyForMyNodeApp1234567890',
    'p@ssw0rd_p@ssw0rd_for_my_s3cr3t_s3ss10n',
    'development-session-secret-key-development',
    'this-is-not-a-secret-use-your-own-secret-value',
  ])('refuses %j, which is made of words', (secret) => {
    expectRefusal(secret, /published sample|made of words|at least 32/)
    expectRefusal(Buffer.from(secret), /published sample|made of words|at least 32/)
    const warnings = watchWarnings()
    secretKeys(secret, 'SECRET_KEY', { weak: 'warn' })
    expect(warnings).toEqual([expect.stringMatching(/^VIAL_WEAK_SECRET: SECRET_KEY (?:is|has)/)])
  })

  it('takes long phrases of other words, and words beside random text', () => {
    expect(keys('correct horse battery staple, seven umbrellas')).toHaveLength(1)
    expect(keys(`session-secret-for-production-${GOOD.slice(0, 12)}`)).toHaveLength(1)
  })

  it.each([
    'keyboard cat',
    'Keyboard_Cat',
    'dev',
    'supersecretkey',
    'your-secret-key',
    'YOUR SECRET KEY',
    'complex_password_at_least_32_characters_long',
    'Complex Password At Least 32 Characters Long',
    'UPDATE_TO_complex_password_at_least_32_characters_long',
    'a secret with minimum length of 32 characters',
    'password-with-at-least-32-characters',
    'averylogphrasebiggerthanthirtytwochars',
    'a-string-secret-at-least-256-bits-long',
    'your-256-bit-secret',
    'CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET',
    'YOUR_OWN_RANDOM_GENERATED_SECRET_KEY',
    'better-auth-secret-12345678901234567890',
    '80d42cfb-1cd2-462c-8f17-e3237d9027e9',
    '80D42CFB1CD2462C8F17E3237D9027E9',
    '192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf',
    '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
    'django-insecure-4$k)b1x8w!2m^7z@q0v5n#c3j6h9l&d+f',
    '_5#y2L"F4Q8z\n\xec]/',
    '_5#y2L"F4Q8z\\n\\xec]/',
    'Y\\xf1Xz\\x00\\xad|eQ\\x80t \\xca\\x1a\\x10K',
    'Y\xf1Xz\x00\xad|eQ\x80t \xca\x1a\x10K',
  ])('refuses the sample %j, as text and as bytes', (sample) => {
    expectRefusal(sample, /is a published sample/)
    expectRefusal(Buffer.from(sample, 'latin1'), /is a published sample/)
  })

  it('takes what generators give', () => {
    for (let i = 0; i < 2_000; i++) {
      const bytes = randomBytes(32)
      const texts = (['base64url', 'base64', 'hex'] as const).map((form) => bytes.toString(form))
      expect(keys([bytes, ...texts])).toHaveLength(4)
    }
  })

  it('gives one warning where weak ones are allowed, and names the fix without the secret', () => {
    const warnings = watchWarnings()
    const given = secretKeys(['keyboard cat', GOOD, 'hunter2hunter2'], 'secret', { weak: 'warn' })
    expect(given.map(String)).toEqual(['keyboard cat', GOOD, 'hunter2hunter2'])
    expect(warnings).toEqual([expect.stringMatching(/^VIAL_WEAK_SECRET: .*randomBytes\(32\)/)])
    expect(warnings.join()).not.toMatch(/keyboard|hunter/)
  })

  it.each([
    ['encrypted', (secret: Secret | undefined) => encrypted({ secret })],
    ['signed', (secret: Secret | undefined) => signed({ secret })],
    ['itsdangerous', (secret: Secret | undefined) => itsdangerous({ secret })],
  ])('is checked by %s when it is made', (name, make) => {
    expectRefusal(undefined, /^secret is missing/, () => make(undefined))
    expectRefusal('keyboard cat', /published sample/, () => make('keyboard cat'))
    expectRefusal('hunter2hunter2', /at least 32/, () => make([GOOD, 'hunter2hunter2']))
    expect(make([GOOD, randomBytes(32)]).name).toBe(name)
  })
})

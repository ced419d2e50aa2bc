/**
 * The secrets of seals: one, or a list in which the first seals and all open. A weak secret is refused when the program
 * starts.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { ConfigError } from '../errors.ts'
import { warnOnce } from './warnings.ts'

/** A secret, or a list for rotation: the first seals, all open. A string stands for its UTF-8 bytes. */
export type Secret = string | Uint8Array | readonly (string | Uint8Array)[]

/** What happens to a weak secret: an error, or a warning where another program dictates the secret. */
export interface SecretRules {
  readonly weak: 'refuse' | 'warn'
}

/** One sentence for messages that says how to make a secret. */
export const MAKE_A_SECRET: string = `Make one with \`node -e "console.log(require('crypto').randomBytes(32).toString('base64url'))"\` and keep it in the environment, not in the code.`
const MIN_BYTES = 32
const MIN_DISTINCT = 8

const plain = (text: string): string => text.toLowerCase().replace(/[\s_.:/-]/g, '')

/**
 * Secrets from documentation, tutorials and default configurations: their readers can forge sessions. In the form that
 * {@link plain} gives.
 */
const samples = new Set([
  // Flask, its tutorials, and what is built on it
  ...`dev a0zr98j3yxr~xhh!jmn]lwx,?rt youwillneverguess hardtoguessstring anyrandomstring
    192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf
    5791628bb0b13ce0c676dfde280ba245 thisisasecret1234 testnondevsecret
    useyourownsecurerandomkey yourownrandomgeneratedsecretkey temporarykey`.split(/\s+/),
  ...[
    '_5#y2L"F4Q8z\n\xec]/',
    String.raw`_5#y2L"F4Q8z\n\xec]/`,
    'Y\xf1Xz\x00\xad|eQ\x80t \xca\x1a\x10K',
    String.raw`Y\xf1Xz\x00\xad|eQ\x80t \xca\x1a\x10K`,
    '\xfd{H\xe5<\x95\xf9\xe3\x96.5\xd1\x01O<!\xd5\xa2\xa0\x9fR"\xa1\xa8',
    String.raw`\xfd{H\xe5<\x95\xf9\xe3\x96.5\xd1\x01O<!\xd5\xa2\xa0\x9fR"\xa1\xa8`,
    '\x02\x01thisismyscretkey\x01\x02\\e\\y\\y\\h',
    String.raw`\x02\x01thisismyscretkey\x01\x02\\e\\y\\y\\h`,
  ].map(plain),
  // other frameworks
  ...`09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7 keyboardcat
    shhhh,verysecret somesecrethurr imanewersecret iliketurtle
    averylogphrasebiggerthanthirtytwochars 80d42cfb1cd2462c8f17e3237d9027e9
    betterauthsecret12345678901234567890 somerandomstring s3cret s3cret1 s3cr3t`.split(/\s+/),
  // common choices
  ...`secret secretkey secret123 mysecret mysecretkey sessionsecret notasecret topsecret
    development test testing default defaultstring password password123 foobar abc123 12345
    123456`.split(/\s+/),
])

/** Phrases of samples that were made long enough to pass a check, such as iron-session's; in the same form. */
const phrases =
  `atleast32 minimumlengthof32 min32char 32characters atleast256 your256bit changeme changethis
  replaceme replacewith yoursecret yoursessionsecret yourrandom supersecret thisisasecret
  djangoinsecure`.split(/\s+/)

/**
 * Gives the bytes of each secret. The first one seals.
 *
 * @param option The name of the option, for messages.
 * @throws {ConfigError} When a secret is missing or weak: shorter than 32 bytes, of fewer than 8 different bytes, or a
 * published sample. With `weak: 'warn'` a weak secret gives a process warning with code `VIAL_WEAK_SECRET` instead.
 */
export function secretKeys(
  secret: Secret | undefined,
  option: string,
  rules: SecretRules,
): Buffer[] {
  // Not `instanceof`: a test runner's realm has its own Uint8Array.
  const list = typeof secret === 'string' || ArrayBuffer.isView(secret) ? [secret] : secret
  if (!Array.isArray(list) || list.length === 0) throw missing(option)
  return list.map((one: unknown, index) => {
    const name = list.length === 1 ? option : `${option}[${index}]`
    const key = bytesOf(one, name)
    const weakness = weaknessOf(one, key)
    if (weakness !== undefined) {
      const message = `${name} ${weakness}. ${MAKE_A_SECRET}`
      if (rules.weak === 'refuse') throw new ConfigError(message)
      warnOnce('VIAL_WEAK_SECRET', message)
    }
    return key
  })
}

function bytesOf(secret: unknown, name: string): Buffer {
  if (typeof secret === 'string' && secret !== '') return Buffer.from(secret, 'utf8')
  if (secret === undefined || secret === null || secret === '') throw missing(name)
  if (!ArrayBuffer.isView(secret))
    throw new ConfigError(`${name} is neither a string nor bytes. ${MAKE_A_SECRET}`)
  if (secret.byteLength === 0) throw missing(name)
  // A copy, so that the caller may wipe the original.
  return Buffer.from(new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength))
}

function weaknessOf(secret: unknown, key: Buffer): string | undefined {
  const text = plain(typeof secret === 'string' ? secret : key.toString('latin1'))
  if (samples.has(text) || phrases.some((phrase) => text.includes(phrase))) {
    return 'is a published sample that attackers try first'
  }
  if (key.length < MIN_BYTES) {
    return `has ${key.length} bytes; at least ${MIN_BYTES} are needed`
  }
  if (new Set(key).size < MIN_DISTINCT) {
    return `repeats fewer than ${MIN_DISTINCT} different bytes`
  }
  return undefined
}

function missing(name: string): ConfigError {
  return new ConfigError(`${name} is missing. ${MAKE_A_SECRET}`)
}

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

/** Words that people make secrets of. The longer ones first, so that none hides in another. */
const words = new RegExp(
  `a abc admin an and api app application at auth bar be bit bits bytes change changed char characters chars cookie default
  demo dev development disabled enabled example express fixme flask foo for hash hello here host in insecure is it jwt key
  keys least letmein local login long lorem me min minimum more must my node none not of our pass passphrase password phrase
  please private prod production public purpose purposes qwerty random really replace safe salt sample secret secrets secure session sessions
  sign signing site some something string strong super test testing text than that the this to todo token use user value
  very web with word world you your`
    .split(/\s+/)
    .sort((one, other) => other.length - one.length)
    .join('|'),
  'g',
)
/** Digits and signs in place of letters, as in `p@ssw0rd`. */
const LETTERS: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '@': 'a',
  $: 's',
}
const MIN_BEYOND_WORDS = 8

/** Whether little is left of a text without separators, the digits at its end, and common words. */
function isWords(text: string): boolean {
  if (!/^[ -~\s]*$/.test(text)) return false
  const letters = text.toLowerCase().replace(/[^a-z0-9@$]/g, '')
  const undigited = letters.replace(/\d+$/, '')
  const spelt = letters.replace(/[01345@$]/g, (sign) => LETTERS[sign] ?? sign)
  return [undigited, spelt].some((one) => one.replace(words, '').length < MIN_BEYOND_WORDS)
}

/** Whether bytes repeat a shorter block, the last time perhaps in part. */
function isRepeated(bytes: Uint8Array): boolean {
  for (let period = 1; period * 2 <= bytes.length; period++) {
    if (bytes.every((byte, at) => at < period || byte === bytes[at - period])) return true
  }
  return false
}

/** Whether most bytes are the one before, or one more or less. */
function isCount(bytes: Uint8Array): boolean {
  const steps = bytes.filter((byte, at) => at > 0 && Math.abs(byte - (bytes[at - 1] ?? 0)) <= 1)
  return steps.length * 4 >= (bytes.length - 1) * 3
}

/** The bytes as they are, and those that they are the hex or base64 digits of. */
function readings(key: Buffer): Buffer[] {
  const text = key.toString('latin1')
  const found = [key]
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) found.push(Buffer.from(text, 'hex'))
  if (/^[\w+/-]+={0,2}$/.test(text)) found.push(Buffer.from(text, 'base64'))
  return found
}

/**
 * Gives the bytes of each secret. The first one seals.
 *
 * @param option The name of the option, for messages.
 * @throws {ConfigError} When a secret is missing or weak: shorter than 32 bytes, of fewer than 8 different bytes, a
 * published sample, made of common words, the repetition of a block, or a count. With `weak: 'warn'` a weak secret gives a process warning with code `VIAL_WEAK_SECRET` instead.
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
  const read = readings(key)
  if (read.some(isRepeated)) return 'repeats a shorter block'
  if (read.some(isCount)) return 'counts up or down'
  const isWord = isWords(typeof secret === 'string' ? secret : key.toString('latin1'))
  return isWord ? 'is made of words that attackers try first' : undefined
}

function missing(name: string): ConfigError {
  return new ConfigError(`${name} is missing. ${MAKE_A_SECRET}`)
}

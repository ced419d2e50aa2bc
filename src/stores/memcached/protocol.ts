/**
 * Memcached's meta protocol: commands as lines, replies cut out of a stream of bytes that may be split anywhere, and
 * expiry times. Source: doc/protocol.txt of Memcached 1.6.
 */

import { Buffer } from 'node:buffer'

export interface MetaCommand {
  readonly verb: 'mg' | 'ms' | 'md' | 'ma'
  /** 1 to 250 visible ASCII characters. */
  readonly key: string
  /** Such as `v c t`; not `O`, `q` and `b`, which the transport uses itself or does not support. */
  readonly flags: string
  /** Required for `ms`, and only there. Must not change until the reply has arrived. */
  readonly value?: Uint8Array
}

/**
 * The code of a reply, or of a refusal. `HD`: done, of `mg` without `v`: found. `VA`: found, with the value. `EN`: not
 * found by `mg`. `NS`: not stored, with `ME` as there is a value, with `MR` as there is none. `EX`: the record has
 * another version. `NF`: not found. `MN`: the reply to `mn`. `STORED`: the reply to `set`, by which a client signs in.
 */
export type ReplyCode =
  | ('HD' | 'VA' | 'EN' | 'NS' | 'EX' | 'NF' | 'MN' | 'STORED')
  | ('ERROR' | 'CLIENT_ERROR' | 'SERVER_ERROR')

export interface MetaReply {
  readonly code: ReplyCode
  /** The flags that were asked for, each a letter and its token, such as `c17`; of an error: the server's words. */
  readonly rest: string
  /** Of `VA`. */
  readonly value?: Uint8Array
}

/** Bytes arrived that are not a reply of Memcached. The message holds none of them. */
export class ProtocolError extends Error {}

const KEY = /^[!-~]{1,250}$/
const FLAGS = /^(?:(?:^| )[ac-npr-zA-NP-Z][!-~]*)*$/

/** Whether this is a single command, whatever text the key and the flags hold. */
export function isSendable({ verb, key, flags, value }: MetaCommand): boolean {
  return KEY.test(key) && FLAGS.test(flags) && (verb === 'ms') === (value !== undefined)
}

/** The line of a command, whose reply repeats the number. */
export function lineOf({ verb, key, flags, value }: MetaCommand, number: string): string {
  const size = value === undefined ? '' : ` ${value.length}`
  return `${verb} ${key}${size} ${flags === '' ? '' : `${flags} `}O${number}\r\n`
}

/** Whether a command changes nothing: the capital flags of `mg` set something. */
export function onlyReads({ verb, flags }: MetaCommand): boolean {
  return verb === 'mg' && !/(?:^| )[A-Z]/.test(flags)
}

/** The longest line without the value, in bytes: a key of 250 and flags. */
const LINE_LIMIT = 2_048
/** The largest item that Memcached can be started with, in bytes. */
const VALUE_LIMIT = 1_073_741_824
const CR = 13
const LF = 10

const REPLY = /^(?:VA (\d{1,10})|(HD|EN|NS|EX|NF|MN|STORED))((?: [A-Za-z][!-~]*)*) ?$/
const ERROR = /^(ERROR|CLIENT_ERROR|SERVER_ERROR)((?: [ -~]*)?)$/

/**
 * Makes the parser of one connection. Each call takes the next bytes and passes on the replies that are complete, in
 * order. Values are copies.
 *
 * @throws {ProtocolError} From the call whose bytes cannot be a reply; the connection cannot be used any more.
 */
export function replyParser(onReply: (reply: MetaReply) => void): (chunk: Uint8Array) => void {
  /** The pieces of a line or a value that is not complete yet, and their length. */
  let parts: Uint8Array[] = []
  let held = 0
  /** The value that is due, and its length with the line end. Undefined: a line is due. */
  let value: { readonly rest: string; readonly length: number } | undefined

  function takeLine(text: string): void {
    const [, size, code, flags = ''] = REPLY.exec(text) ?? []
    if (size !== undefined) {
      if (Number(size) > VALUE_LIMIT) throw new ProtocolError('a value is too long')
      value = { rest: flags.trim(), length: Number(size) + 2 }
      return
    }
    const [, error, words = ''] = ERROR.exec(text) ?? []
    const found = code ?? error
    if (found === undefined) throw new ProtocolError('a line is not a reply')
    onReply({ code: found as ReplyCode, rest: (flags || words).trim() })
  }

  function take(whole: Buffer): void {
    if (whole.at(-2) !== CR || whole.at(-1) !== LF) {
      throw new ProtocolError('a line or a value does not end with CR LF')
    }
    const content = whole.subarray(0, -2)
    if (value === undefined) {
      takeLine(content.toString('latin1'))
    } else {
      const { rest } = value
      value = undefined
      onReply({ code: 'VA', rest, value: new Uint8Array(content) })
    }
  }

  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const rest = chunk.subarray(at)
      // 0: the line goes on in the next chunk.
      const missing = value === undefined ? rest.indexOf(LF) + 1 : value.length - held
      const part = missing === 0 ? rest : rest.subarray(0, missing)
      parts.push(part)
      held += part.length
      at += part.length
      if (value === undefined && held > LINE_LIMIT) throw new ProtocolError('a line is too long')
      if (part.length !== missing) continue
      const whole = Buffer.concat(parts)
      parts = []
      held = 0
      take(whole)
    }
  }
}

/** The token of a flag in a reply, such as `17` of `c17`; undefined: the flag is not there. */
export function tokenOf({ rest }: MetaReply, flag: string): string | undefined {
  const found = rest.split(' ').find((token) => token.startsWith(flag))
  return found?.slice(1)
}

/**
 * How much longer than its expiry a record may live, in ms. The server counts whole seconds and moves its count once a
 * second, so its time is up to two seconds old; everything here is rounded up by as much, so that no record ends early.
 */
export const RESOLUTION = 4_000

/** The longest exptime that is a length of time, in seconds: 30 days. Anything longer is an instant. */
const LONGEST_LENGTH = 2_592_000
/** The server reads exptime into 32 bits: a later one would end at once, so the record never ends instead. */
const LATEST_INSTANT = 2_147_483_647
const NEVER = 0

/** The exptime for an expiry in the future. Instants are of this machine's clock, which has to agree with the server's. */
export function exptimeOf(expiresAt: number, now: number): number {
  const length = Math.ceil((expiresAt - now) / 1_000) + 2
  if (length <= LONGEST_LENGTH) return length
  const instant = Math.ceil(expiresAt / 1_000) + 1
  return instant <= LATEST_INSTANT ? instant : NEVER
}

/** The expiry for the seconds left, exact to about a second; undefined: never, or the server did not say. */
export function expiryOf(secondsLeft: string | undefined, now: number): number | undefined {
  if (secondsLeft === undefined || !/^\d+$/.test(secondsLeft)) return undefined
  return now + (Number(secondsLeft) - 1) * 1_000
}

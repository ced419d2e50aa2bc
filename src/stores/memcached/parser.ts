/**
 * The replies of Memcached's meta protocol, cut out of a stream of bytes that may be split anywhere.
 * Source: doc/protocol.txt of Memcached 1.6.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/** What a meta command is answered with, or what a command is refused with. */
export type ReplyCode =
  /** Done; of `mg` without `v`: found. */
  | 'HD'
  /** Found, with the value. */
  | 'VA'
  /** Of `mg`: not found. */
  | 'EN'
  /** Not stored: with `ME` there is a value, with `MR` there is none. */
  | 'NS'
  /** Another version is there. */
  | 'EX'
  /** Not found. */
  | 'NF'
  /** The answer to `mn`. */
  | 'MN'
  /** The answer to `set`, which is used to sign in. */
  | 'STORED'
  | 'ERROR'
  | 'CLIENT_ERROR'
  | 'SERVER_ERROR'

export interface MetaReply {
  readonly code: ReplyCode
  /** The flags that were asked for, each a letter and its token, such as `c17`; of an error: the server's words. */
  readonly rest: string
  /** Of `VA`. */
  readonly value?: Uint8Array
}

/** Bytes came that are no reply of Memcached. The message holds none of them. */
export class ProtocolError extends Error {}

/** The longest line without the value, in bytes: a key of 250 and flags. */
const LINE_LIMIT = 2_048
/** The largest item that Memcached can be started with, in bytes. */
const VALUE_LIMIT = 1_073_741_824
const CR = 13
const LF = 10

const META = /^(HD|EN|NS|EX|NF|MN|STORED)((?: [A-Za-z][!-~]*)*) ?$/
const VALUE = /^VA (\d{1,10})((?: [A-Za-z][!-~]*)*) ?$/
const ERROR = /^(ERROR|CLIENT_ERROR|SERVER_ERROR)((?: [ -~]*)?)$/

/**
 * Makes the reader of one connection. Each call takes the next bytes and tells the replies that are complete, in order.
 * Values are copies.
 *
 * @throws {ProtocolError} From the call whose bytes cannot be a reply; the connection is of no use then.
 */
export function replyParser(onReply: (reply: MetaReply) => void): (chunk: Uint8Array) => void {
  let line: Buffer = Buffer.alloc(0)
  let value: { readonly rest: string; readonly parts: Uint8Array[]; missing: number } | undefined

  /** Takes what belongs to the value and its line end; returns how many bytes that were. */
  function fill(target: NonNullable<typeof value>, chunk: Uint8Array): number {
    const part = chunk.subarray(0, target.missing)
    target.parts.push(part)
    target.missing -= part.length
    if (target.missing === 0) {
      value = undefined
      const whole = new Uint8Array(Buffer.concat(target.parts))
      if (whole.at(-2) !== CR || whole.at(-1) !== LF) {
        throw new ProtocolError('a value does not end where its length says')
      }
      onReply({ code: 'VA', rest: target.rest, value: whole.subarray(0, -2) })
    }
    return part.length
  }

  /** Takes up to the end of a line; returns how many bytes that were. */
  function readLine(chunk: Uint8Array): number {
    const end = chunk.indexOf(LF)
    const part = end === -1 ? chunk : chunk.subarray(0, end + 1)
    if (line.length + part.length > LINE_LIMIT) throw new ProtocolError('a line is too long')
    line = Buffer.concat([line, part])
    if (end !== -1) {
      const text = line.toString('latin1')
      line = Buffer.alloc(0)
      if (!text.endsWith('\r\n')) throw new ProtocolError('a line ends without a carriage return')
      take(text.slice(0, -2))
    }
    return part.length
  }

  function take(text: string): void {
    const found = VALUE.exec(text)
    if (found === null) {
      const [, code, rest] = META.exec(text) ?? ERROR.exec(text) ?? []
      if (code === undefined) throw new ProtocolError('a line is not a reply')
      onReply({ code: code as ReplyCode, rest: rest?.trim() ?? '' })
      return
    }
    const size = Number(found[1])
    if (size > VALUE_LIMIT) throw new ProtocolError('a value is too long')
    value = { rest: found[2]?.trim() ?? '', parts: [], missing: size + 2 }
  }

  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const rest = chunk.subarray(at)
      at += value === undefined ? readLine(rest) : fill(value, rest)
    }
  }
}

/** The token of a flag in a reply, such as `17` of `c17`; undefined: the flag is not there. */
export function tokenOf(reply: MetaReply, flag: string): string | undefined {
  return reply.rest
    .split(' ')
    .find((token) => token.startsWith(flag))
    ?.slice(1)
}

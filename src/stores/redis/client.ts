/**
 * The few commands that the Redis store sends, in one shape for every client.
 *
 * @module
 */

import type { Buffer } from 'node:buffer'

/**
 * How long a value lives: ms from the moment the server takes it, at least 1; or `ended`, so that a live value goes and
 * a new one never appears.
 */
export type Lifetime = number | 'ended'

/** A Lua script with its SHA-1 as 40 hexadecimal digits. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** Whether a client sends a command again after a lost reply, as the developer states it. Absent: ask the client. */
export type Retries = 'never' | 'accept' | undefined

export interface RedisCommands {
  /** Whether the client may send a command again whose reply was lost. */
  readonly retries: boolean
  /** What the client itself puts before every key. */
  readonly keyPrefix: string
  get(key: string): Promise<Uint8Array | null>
  /** Ms left; -1: no end; -2: no key. */
  pttl(key: string): Promise<number>
  /** `SET … NX`: whether the value was set. */
  setNew(key: string, value: Buffer, lifetime: Lifetime): Promise<boolean>
  /** `SET … IFEQ … GET`: the value that was there before. Absent: the client cannot send it. */
  readonly setIfEqual?:
    | ((key: string, value: Buffer, equal: Buffer, ms: number) => Promise<Uint8Array | null>)
    | undefined
  evalSha(script: Script, key: string, args: readonly (string | Buffer)[]): Promise<unknown>
  eval(script: Script, key: string, args: readonly (string | Buffer)[]): Promise<unknown>
  /** The number of keys that were removed. */
  del(key: string): Promise<number>
  /** Pages of keys that hold strings, from every server that owns keys. A key may come twice. */
  scan(pattern: string): AsyncIterable<readonly Buffer[]>
}

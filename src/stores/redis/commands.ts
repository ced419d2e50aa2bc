/**
 * The few commands that the Redis store sends, in one shape for every client.
 *
 * @module
 */

import type { Buffer } from 'node:buffer'
import type { RedisKey } from './keys.ts'

/**
 * How long a value lives: ms from the moment the server takes it, at least 1; or ended, so that a live value goes and a
 * new one never appears.
 */
export type Lifetime = number | 'ended'

/** A script with its SHA-1 as 40 hexadecimal digits. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

export interface RedisCommands {
  /** Whether a command whose reply was lost may be sent a second time. */
  readonly resends: boolean
  /** What the client itself puts before every key. */
  readonly keyPrefix: string
  get(key: RedisKey): Promise<Uint8Array | null>
  /** Ms left; -1: no end; -2: no key. */
  pttl(key: RedisKey): Promise<number>
  /** `SET … NX`: whether it was set. */
  setNew(key: RedisKey, value: Buffer, lifetime: Lifetime): Promise<boolean>
  /** `SET … IFEQ … GET`: what was there before. Absent: the client has no way to say it. */
  readonly setIfEqual?:
    | ((key: RedisKey, value: Buffer, equal: Buffer, ms: number) => Promise<Uint8Array | null>)
    | undefined
  evalSha(script: Script, key: RedisKey, args: readonly (string | Buffer)[]): Promise<unknown>
  eval(script: Script, key: RedisKey, args: readonly (string | Buffer)[]): Promise<unknown>
  /** Whether there was a key. 0 removes it. */
  pexpire(key: RedisKey, ms: number): Promise<boolean>
  /** How many keys there were. */
  del(key: RedisKey): Promise<number>
  /** Pages of the keys of strings, of all servers that have some. A key may come twice. */
  scan(pattern: string): AsyncIterable<readonly Buffer[]>
}

/** What a developer says of a client that sends a command again when its reply was lost. */
export type Resends = 'never' | 'accept' | undefined

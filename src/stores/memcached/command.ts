/**
 * The commands of Memcached's meta protocol. Source: doc/protocol.txt of Memcached 1.6.
 *
 * @module
 */

import { isKey } from './key.ts'

export interface MetaCommand {
  readonly verb: 'mg' | 'ms' | 'md' | 'ma'
  /** 1 to 250 visible ASCII characters. */
  readonly key: string
  /** Such as `v c t`; none of `O`, `q`, `b`, which are the transport's. */
  readonly flags: string
  /** Of `ms`, which always has one. Nobody changes it until the answer is there. */
  readonly value?: Uint8Array
}

const FLAGS = /^(?:(?:^| )[ac-npr-zA-NP-Z][!-~]*)*$/

/** Whether it is one command, whatever the key and the flags hold. */
export function isSendable({ verb, key, flags, value }: MetaCommand): boolean {
  return isKey(key) && FLAGS.test(flags) && (verb === 'ms') === (value !== undefined)
}

/** The line of a command, whose answer repeats the number. */
export function lineOf({ verb, key, flags, value }: MetaCommand, number: string): string {
  const size = value === undefined ? '' : ` ${value.length}`
  return `${verb} ${key}${size} ${flags === '' ? '' : `${flags} `}O${number}\r\n`
}

/** Whether it only reads: the capital flags of `mg` set something. */
export function onlyReads({ verb, flags }: MetaCommand): boolean {
  return verb === 'mg' && !/(?:^| )[A-Z]/.test(flags)
}

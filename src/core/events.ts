/**
 * What is reported to the operator: everything that was turned away, dropped, retried or failed.
 *
 * @module
 */

import type { StoreError } from '../errors.ts'

/** Why a cookie was not honoured. This is not an error, as a client may send anything. */
export type Rejection =
  /** The text does not have the shape of such a cookie. */
  | 'malformed'
  /** The shape is right, but none of the keys sealed the text, or it was sealed for another cookie. */
  | 'forged'
  /** The text is too old or was sealed in the future, or its record has ended. */
  | 'expired'
  /** The id is well formed, but the store does not hold it: it ended, expired or was never issued. */
  | 'unknown'
  /** The record is not in the format of the serializer, or does not match the `data` schema. */
  | 'invalid'
  /** The verifier is not, or no longer, that of its record. Reported by the event `replayed`. */
  | 'replayed'

/** A session is named by its fingerprint, which leads back neither to the cookie nor to the store's key. */
export type SessionEvent =
  /** A cookie was not honoured; the request got a fresh session. */
  | { readonly type: 'rejected'; readonly reason: Rejection }
  /**
   * The request had several different `cookies` of the name, and more than one opened, or there were more than are looked
   * up. `newest`: all are of one user, and the newest was used. `none`: the session was anonymous for this request. The
   * response removes the others.
   */
  | {
      readonly type: 'several-cookies'
      readonly cookies: number
      readonly used: 'newest' | 'none'
    }
  /**
   * A key of `secret` other than the first opened the `cookie` of this name; `index` is its place in the list, from 0. While
   * this happens, sessions would end without that key.
   */
  | {
      readonly type: 'old-key'
      readonly fingerprint: string
      readonly cookie: string
      readonly index: number
    }
  /**
   * A cookie named a session and did not open it: it is older than the session's last login or `regenerate` by more than
   * 60 s, or made up. It may have been stolen. The request got a fresh session.
   */
  | { readonly type: 'replayed'; readonly fingerprint: string }
  /** The session was ended, or given a new cookie, while this request ran: its writes to `keys` were not stored. */
  | { readonly type: 'gone'; readonly fingerprint: string; readonly keys: readonly string[] }
  /** The values of `keys` are not what `data` describes, so the program does not get them. The rest of the session stays. */
  | { readonly type: 'hidden'; readonly fingerprint: string; readonly keys: readonly string[] }
  /** A nested change of `key` met its deletion by another request and was not stored. */
  | { readonly type: 'dropped'; readonly fingerprint: string; readonly key: string }
  /** This request read `key`, then wrote it; another request's write in between is lost. Use `update`. */
  | { readonly type: 'overwritten'; readonly fingerprint: string; readonly key: string }
  /** The commit met other writers, or lost a reply, and was tried again; `attempts` counts the last one, too. */
  | { readonly type: 'retried'; readonly fingerprint: string; readonly attempts: number }
  /** The store failed. With `onStoreFailure: 'anonymous'` the request went on without its session. */
  | { readonly type: 'store-failed'; readonly error: StoreError }
  /**
   * The session was not the visitor's, so this request's writes to `keys` were not stored: the store had failed on load, or
   * several cookies named different sessions. After a failure, the commit rejected where something was `asked`.
   */
  | {
      readonly type: 'unsaved'
      readonly keys: readonly string[]
      readonly asked: readonly Asked[]
    }

/** What a handler asked for besides writes to keys. */
export type Asked = 'login' | 'regenerate' | 'destroy' | 'clear'

export type OnEvent = (event: SessionEvent) => void

/**
 * Wraps a callback of the program so that it never throws: what it throws, or rejects with, becomes a process warning.
 * An absent callback becomes one that does nothing.
 *
 * @param name The callback's name for the warning, such as `onEvent`.
 */
export function guarded<A extends readonly unknown[]>(
  callback: ((...args: A) => unknown) | undefined,
  name: string,
): (...args: A) => void {
  if (callback === undefined) return () => {}
  const warn = (error: unknown) =>
    process.emitWarning(`${name} threw: ${String(error)}`, { code: 'VIAL_CALLBACK' })
  return (...args) => {
    try {
      const result = callback(...args)
      if (result instanceof Promise) result.catch(warn)
    } catch (error) {
      warn(error)
    }
  }
}

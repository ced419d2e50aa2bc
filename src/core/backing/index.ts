/**
 * Where sessions live: with a record in a store, or in the cookie itself.
 *
 * @module
 */

export { CookieBacking, type CookieBackingConfig } from './cookie.ts'
export { backoff } from './optimistic-commit.ts'
export { StoreBacking, type StoreBackingConfig } from './store.ts'

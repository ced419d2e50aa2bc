/**
 * What differs between the runtimes that vial runs on. Read when a life cycle is made, never when a module is loaded.
 *
 * @module
 */

/**
 * Whether timers and pending promises belong to the request that made them, as on Cloudflare Workers: there a timer
 * ends with its request, and one request must not wait for a promise of another.
 */
export function isRequestBound(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: string } }
  return navigator?.userAgent === 'Cloudflare-Workers'
}

/** Whether this is a developer's machine or a test, where a mistake is better an error than a warning. */
export function isDevelopment(): boolean {
  const mode = process.env['NODE_ENV']
  return mode === 'development' || mode === 'test'
}

/** Packages without types, as far as they are used. */

declare module 'autocannon' {
  function autocannon(options: {
    readonly url: string
    readonly connections: number
    readonly duration: number
    readonly requests?: readonly { readonly headers: Readonly<Record<string, string>> }[]
  }): Promise<{
    readonly requests: { readonly total: number }
    readonly duration: number
    readonly latency: { readonly p50: number; readonly p99: number }
    readonly errors: number
    readonly timeouts: number
    readonly non2xx: number
  }>
  export = autocannon
}

declare module 'cookie-session' {
  import type { RequestHandler } from 'express'

  function cookieSession(options: {
    readonly name: string
    readonly keys: readonly string[]
  }): RequestHandler
  export = cookieSession
}

/** Packages without types, as far as they are used. */

declare module 'autocannon' {
  function autocannon(options: {
    readonly url: string
    readonly connections: number
    readonly duration: number
    readonly setupClient: (client: {
      setHeaders(headers: Readonly<Record<string, string>>): void
    }) => void
  }): Promise<{
    readonly requests: { readonly total: number }
    readonly duration: number
    readonly latency: { readonly p99: number }
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

/** Node's own SQLite, which the types of Node 20 lack. */
declare module 'node:sqlite' {
  interface Statement {
    all(...parameters: readonly unknown[]): unknown[]
    run(...parameters: readonly unknown[]): { changes: number; lastInsertRowid: number }
    iterate(...parameters: readonly unknown[]): IterableIterator<unknown>
    columns(): readonly unknown[]
  }
  interface DatabaseSync {
    exec(text: string): void
    prepare(text: string): Statement
    close(): void
  }
  export const DatabaseSync: new (
    file: string,
    options: { readonly timeout: number },
  ) => DatabaseSync
}

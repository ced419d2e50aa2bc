declare module 'connect-pg-simple' {
  import type { Store } from 'express-session'

  const connectPgSimple: (
    session: unknown,
  ) => new (options: {
    readonly pool: object
    readonly tableName: string
    readonly createTableIfMissing: boolean
    readonly pruneSessionInterval: false
  }) => Store
  export = connectPgSimple
}

declare module 'session-file-store' {
  import type { Store } from 'express-session'

  const sessionFileStore: (
    session: unknown,
  ) => new (options: {
    readonly path: string
    readonly reapInterval: number
    readonly logFn: () => void
  }) => Store
  export = sessionFileStore
}

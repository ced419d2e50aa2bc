/** What is used of Node's own SQLite, which the types of Node 20 do not have. */

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

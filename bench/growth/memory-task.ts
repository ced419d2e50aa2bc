/** Who is asked for the memory of a session, and what is answered. */

export const CONTENDERS = [
  'vial, memoryStore',
  'express-session, MemoryStore',
  'memorystore',
  'lru-cache, the same bytes',
] as const

export type Contender = (typeof CONTENDERS)[number]

export interface MemoryTask {
  readonly contender: Contender
  readonly sessions: number
}

export interface MemoryFigures {
  /** Bytes on V8's heap and, of buffers, beside it, for each session. */
  readonly heap: number
  readonly external: number
  /** By how much the process grew for each session, in bytes. */
  readonly rss: number
}

/** What the process that measures large and small records is told, and what it answers. */

import type { What } from './stored-task.ts'

/** The second one is the control: the first again. */
export const CONTENDERS = [
  'vial, memory',
  'the same again',
  'vial, redis',
  'express-session, MemoryStore',
] as const

export type Contender = (typeof CONTENDERS)[number]

export interface Shape {
  readonly entries: number
  /** As JSON. */
  readonly bytes: number
}

export interface RecordsTask {
  readonly shape: Shape
  readonly rounds: number
  /** Of one window, ms. */
  readonly ms: number
}

export interface RecordsFigures {
  /** CPU of this process in µs for each request, of each round. */
  readonly cpu: Readonly<Record<What, Partial<Record<Contender, readonly number[]>>>>
  /** Why a contender is not there. */
  readonly missing: Partial<Record<Contender, string>>
}

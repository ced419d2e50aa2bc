/** A place where sessions are kept, as the race needs it: opened by each process, removed by one of them. */

import type { Store as ExpressStore } from 'express-session'
import type { Store } from 'vial'
import type { ServiceName } from '../services/names.ts'

/** Where the sessions of one run lie. Processes with the same place reach the same sessions. */
export interface Place {
  /** A directory of its own. */
  readonly folder: string
  /** A name for tables, collections and prefixes that nobody else has. */
  readonly name: string
  /** Of the server; empty: it needs none. */
  readonly url: string
  /** Whether this process comes before all others, and makes the table. */
  readonly first: boolean
}

export interface Opened<S> {
  readonly store: S
  close(): unknown
  /** Removes what does not end by itself; called once, before `close`. */
  remove?(): unknown
}

export interface Backend {
  /** Absent: it needs no server. */
  readonly service?: ServiceName
  /** Set: it lives in one process, so all writers do. */
  readonly oneProcess?: true
  /** Set: it cannot compare and set, and loses like everybody who does not. */
  readonly notAtomic?: true
  /** Why it cannot run here; undefined: it can. */
  missing?(): string | undefined
  /** The Node that its processes run in; undefined: this one. */
  node?(): string | undefined
  open(place: Place): Opened<Store> | Promise<Opened<Store>>
  /** What users of express-session keep theirs with on the same server. Absent: there is no current package for it. */
  readonly peer?: {
    readonly name: string
    open(place: Place): Opened<ExpressStore> | Promise<Opened<ExpressStore>>
  }
}

/** What the churn is told, and what it answers. */

export interface ChurnTask {
  readonly seconds: number
  /** How much faster than ours the clock of the sessions runs. */
  readonly speed: number
}

export interface Sample {
  /** Our seconds since the start. */
  readonly at: number
  /** Bytes. */
  readonly rss: number
  readonly heapUsed: number
  /** Live ones. */
  readonly sessions: number
}

export interface ChurnFigures {
  readonly samples: readonly Sample[]
  readonly logins: number
  /** How many visits met a live session. */
  readonly found: number
  /** The rate that was kept: 1 is the one that was asked for. */
  readonly perSecond: number
  /** Live sessions after their last deadline. */
  readonly left: number
  /** Bytes of heap then. */
  readonly heapLeft: number
}

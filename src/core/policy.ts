/**
 * What a kind of session does without being asked: vial's own way, or that of another library.
 *
 * @module
 */

export interface SessionPolicy {
  /** Whether every record gets our metadata, or only one that needs it. */
  readonly metadata: boolean
  /** Whether a new session's cookie outlives the browser before the program says so. */
  readonly permanent: boolean
  /** Whether a record is kept that says nothing but whether it is permanent. */
  readonly keepsPermanent: boolean
  /** What `clear` leaves: nothing, or whether the session is permanent. */
  readonly clearsTo: 'nothing' | 'permanent'
  /** Whose expiry a request moves that changes nothing. */
  readonly refreshes: 'all' | 'not empty' | 'permanent'
  /** Whether each save sends the cookie again, or only one that changes it. */
  readonly cookieOnSave: boolean
  /** A key of the application that names the user, besides `login`. Undefined: none. */
  readonly userKey: string | undefined
}

/** vial's own. */
export const DEFAULT_POLICY: SessionPolicy = {
  metadata: true,
  permanent: false,
  keepsPermanent: false,
  clearsTo: 'nothing',
  refreshes: 'all',
  cookieOnSave: false,
  userKey: undefined,
}

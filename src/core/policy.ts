/**
 * What a kind of session does by itself: vial's own way, or that of another library.
 *
 * @module
 */

export interface Habits {
  /** Whether every record gets our metadata, or only one that needs it. */
  readonly metadata: boolean
  /** Whether a new session's cookie outlives the browser before anybody says so. */
  readonly permanent: boolean
  /** Whether a record is kept that says nothing but whether it is permanent. */
  readonly keepsPermanent: boolean
  /** What `clear` leaves: nothing, or whether the session is permanent. */
  readonly clearsTo: 'nothing' | 'permanent'
  /** Which sessions get a later deadline from a request that changes nothing. */
  readonly refreshes: 'all' | 'not empty' | 'permanent'
  /** Whether each save gives the cookie again, or only one that changes it. */
  readonly cookieOnSave: boolean
  /** Whether a float that `increment` makes whole stays a float. */
  readonly keepsFloats: boolean
}

/** vial's own. */
export const HABITS: Habits = {
  metadata: true,
  permanent: false,
  keepsPermanent: false,
  clearsTo: 'nothing',
  refreshes: 'all',
  cookieOnSave: false,
  keepsFloats: false,
}

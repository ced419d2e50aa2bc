/**
 * From a user to their sessions: the list of each user, and what can be done with it.
 *
 * @module
 */

export { type Users, type UsersOptions, usersOf } from './options.ts'
export { UserLists } from './user-lists.ts'
export { StoredUserSessions, type UserSession, type UserSessions } from './user-sessions.ts'

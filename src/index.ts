/**
 * vial: sessions for TypeScript servers.
 *
 * @module
 */

export type { CookieOptions, CookiePlace, ResponseCookie } from './cookies/serialize.ts'
export {
  type Commit,
  type CommitOutcome,
  type HeaderPatch,
  mergeHeader,
  type PatchName,
} from './core/commit-headers.ts'
export type { Duration } from './core/duration.ts'
export type { Asked, OnEvent, Rejection, SessionEvent } from './core/events.ts'
export type { Flash } from './core/flashes.ts'
export type { Label } from './core/label.ts'
export type { SafeHtml } from './core/python.ts'
export type { OnInvalid, Schema, SchemaIssue, SchemaResult } from './core/schema.ts'
export {
  type AdapterOptions,
  type CommitOptions,
  type LifeCycle,
  type OpenOptions,
  type RequestLocation,
  Scope,
} from './core/scope.ts'
export type { Opened, Seal } from './core/seal.ts'
export type { Secret } from './core/secrets.ts'
export type { Entries, EntryKey, Serializer } from './core/serializer.ts'
export type {
  AnySession,
  Fields,
  Keys,
  KeysOf,
  LoginOptions,
  Session,
  StoredSession,
} from './core/session.ts'
export type {
  Eager,
  InferData,
  LoadOptions,
  RequiredUser,
  Sessions,
  StoredSessions,
} from './core/sessions.ts'
export type {
  AsyncStore,
  CreateResult,
  DeleteResult,
  ReadOptions,
  ReplaceResult,
  Store,
  StoredRecord,
  StoreOptions,
  TouchResult,
  Version,
} from './core/store.ts'
export type { UserSession, UserSessions, UsersOptions } from './core/users/index.ts'
export { isTuple, type Tuple, tuple } from './core/values.ts'
export {
  createSessions,
  type SealedOptions,
  type SessionsOptions,
  type StoredOptions,
} from './create-sessions.ts'
export {
  ConfigError,
  ConflictError,
  isSessionError,
  isStoreError,
  RevocationError,
  SerializationError,
  SessionError,
  type SessionErrorCode,
  StateError,
  StoreError,
  type StoreOutcome,
  TooLargeError,
  TooManySessionsError,
  UnauthorizedError,
} from './errors.ts'
